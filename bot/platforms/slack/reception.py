"""What slack-bolt hands us, taken in: acknowledged only once it is durable, and within Slack's three seconds.

Events that are not durable in time are not acknowledged: Slack brings them again, with the same id, and the inbox takes
each id once, whether the first try ends well after all or not. Commands and presses are never brought again. For them
the person is told within the three seconds that it takes longer, while we go on; and when it could not be kept, that
nothing was done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.core.errors import PlatformError
from bot.core.events import CommandGiven, Event, HomeOpened
from bot.core.platform import OnEvent
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.platforms.slack.adapter import SlackPlatform
from bot.platforms.slack.blocks import OPEN_FORM, PICK, PRESS
from bot.platforms.slack.inbound import lane_of
from bot.platforms.slack.lanes import Lanes
from bot.platforms.slack.modals import FIELD, Origin, notice, origin_of, unpack, values_of, view
from bot.platforms.slack.phrases import say
from bot.platforms.slack.reading import EPHEMERAL, Json, arguments, fingerprint, mapping, objects, text, words
from bot.platforms.slack.tickets import Ticket

log = logging.getLogger("allant.slack")

IN_TIME = 2.4
"""Seconds: Slack waits for three, and the way takes its time."""
LAST_TRY = 3
"""The third redelivery is the last (Slack, “Events API”)."""
SHORTCUT_FAQ = "allant:faq-write"
"""The message shortcut that offers what somebody said for the FAQ."""


class NotInTime(Exception):
    """The event is not durable yet: it is not acknowledged."""


class NotReady(Exception):
    """Nobody takes events yet, or the workspace is none of ours."""


class Reception:
    """``platform`` gives the workspace of a team id; ``on_gone`` hears of one that removed the app."""

    def __init__(
        self,
        platform: Callable[[str], SlackPlatform | None],
        on_gone: Callable[[str], Awaitable[None]],
        *,
        in_time: float = IN_TIME,
    ) -> None:
        self._platform = platform
        self._on_gone = on_gone
        self._in_time = in_time
        self._lanes = Lanes()
        self._going_on: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what still goes on; what is not durable was not acknowledged."""
        for task in list(self._going_on):
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

    # Events

    async def event(self, body: Json, context: AsyncBoltContext, request: AsyncBoltRequest) -> None:
        """Returns once all that it tells is durable. Raises NotInTime or NotReady: then it is not acknowledged."""
        platform = self._of(context)
        event = mapping(body.get("event"))
        if text(event.get("type")) in ("app_uninstalled", "tokens_revoked"):
            return await self._gone(platform, event)
        take = self._taker(platform, context)
        # Over Socket Mode bolt makes the same header of the envelope's retry_attempt.
        last_try = request.headers.get("x-slack-retry-num", [""])[0] == str(LAST_TRY)

        async def work() -> None:
            if event.get("type") == "app_home_opened":
                return await self._home_opened(platform, body, take)
            async for each in platform.inbound.events(body, last_try=last_try):
                await take(each)

        if not await self._in_turn(f"{platform.workspace.id} {lane_of(event)}", work):
            raise NotInTime

    async def _gone(self, platform: SlackPlatform, event: Json) -> None:
        revoked = mapping(event.get("tokens")).get("bot")
        if event.get("type") == "app_uninstalled" or (isinstance(revoked, list) and revoked):
            log.error(
                "the app was removed from the Slack workspace %s, or its token was revoked", platform.workspace.id
            )
            await self._on_gone(platform.workspace.id)

    async def _home_opened(self, platform: SlackPlatform, body: Json, take: OnEvent) -> None:
        event = mapping(body.get("event"))
        user = text(event.get("user"))
        platform.people.note_direct(user, text(event.get("channel")))
        if event.get("tab") == "home" and user:
            who = MemberRef(platform.workspace, user)
            await take(HomeOpened(id=text(body.get("event_id")), at=_now(), workspace=platform.workspace, member=who))

    # What people do on purpose

    async def command(self, body: Json, context: AsyncBoltContext, ack: AsyncAck) -> None:
        """A slash command."""
        platform = self._of(context)
        place, user = text(body.get("channel_id")), text(body.get("user_id"))
        said = arguments(text(body.get("text")))
        ticket = Ticket(
            at=time.time(),
            trigger=text(body.get("trigger_id")),
            response=text(body.get("response_url")),
            command=said,
            channel=place,
        )
        given = self._given(platform, user, place, said, ticket, text(body.get("trigger_id")))
        outcome = await self._take(platform, context, given)
        await ack(say(outcome, platform.language_of(user)) if outcome else "")

    async def action(self, body: Json, context: AsyncBoltContext, ack: AsyncAck) -> None:
        """A button or a choice of ours, in a message, a modal or a home."""
        platform = self._of(context)
        pressed = objects(body.get("actions"))
        action = pressed[0] if pressed else {}
        kind = text(action.get("action_id"))
        shown, user = mapping(body.get("view")), text(mapping(body.get("user")).get("id"))
        said = text(action.get("value")) or text(mapping(action.get("selected_option")).get("value"))
        if not kind.startswith((PRESS, PICK, OPEN_FORM)) or not (said and user):
            await ack()
            return
        ticket = _ticket_of(body, said)
        if kind == OPEN_FORM and (form := unpack(said)) is not None:
            await ack()
            return await self._open(platform, form, ticket, user)
        once = f"{text(body.get('trigger_id'))} {text(action.get('action_ts'))}"
        given = (
            await self._in_view(platform, user, said, shown, ticket, once, button=True)
            if shown
            else self._pressed(platform, user, said, ticket, body, once)
        )
        outcome = await self._take(platform, context, given)
        await ack()
        await self._say(platform, outcome, ticket, user)

    async def submission(self, body: Json, context: AsyncBoltContext, ack: AsyncAck) -> None:
        """A modal was sent off. The acknowledgement waits for the delivery that answers it, as only the acknowledgement
        can show errors at the fields; not longer than Slack does."""
        began = time.monotonic()
        platform = self._of(context)
        shown, user = mapping(body.get("view")), text(mapping(body.get("user")).get("id"))
        origin = origin_of(shown)
        language = platform.language_of(user)
        if origin is None or not user:
            await ack()
            return
        handle = platform.held.begin()
        ticket = Ticket(
            at=time.time(),
            handle=handle,
            view=text(shown.get("id")),
            command=origin.command,
            channel=origin.channel,
            thread=origin.thread,
            message=origin.message,
        )
        # The same modal may be sent off several times, each with a trigger of its own.
        once = f"{text(shown.get('id'))} {text(body.get('trigger_id'))}"
        try:
            given = await self._in_view(platform, user, origin.command, shown, ticket, once, button=False)
            outcome = await self._take(platform, context, given)
        except BaseException:
            platform.held.end(handle)
            raise
        if outcome == "not_kept":
            platform.held.end(handle)
            await ack(response_action="errors", errors={_first_input(shown): say(outcome, language)})
            return
        answer = await platform.held.answer(handle, self._in_time - (time.monotonic() - began))
        if answer is None:
            title = text(mapping(shown.get("title")).get("text")) or "Allant"
            answer = {"response_action": "update", "view": notice("working", title, language)}
        await ack(**answer)

    async def shortcut(self, body: Json, context: AsyncBoltContext, ack: AsyncAck) -> None:
        """A shortcut on a message: its words go with the command, and nowhere else."""
        platform = self._of(context)
        user, place = text(mapping(body.get("user")).get("id")), text(mapping(body.get("channel")).get("id"))
        message = mapping(body.get("message"))
        if body.get("callback_id") != SHORTCUT_FAQ or not (user and place):
            await ack()
            return
        said = "faq write"
        ts = text(message.get("ts")) or text(body.get("message_ts"))
        ticket = _ticket_of(body, said)
        given = self._given(
            platform,
            user,
            place,
            said,
            ticket,
            text(body.get("trigger_id")),
            thread=text(message.get("thread_ts")),
            message=ts,
            fields={"message": words(text(message.get("text")))},
        )
        outcome = await self._take(platform, context, given)
        await ack()
        await self._say(platform, outcome, ticket, user)

    # Their parts

    def _given(
        self,
        platform: SlackPlatform,
        user: str,
        place: str,
        said: str,
        ticket: Ticket,
        once: str,
        *,
        thread: str = "",
        message: str = "",
        fields: dict[str, str] | None = None,
        button: bool = False,
        home: bool = False,
    ) -> CommandGiven:
        """``once`` is what is Slack's own and never the same again: repeated, it gives the same id."""
        channel = ChannelRef(platform.workspace, place)
        identifier = f"given {fingerprint(f'{user} {once}')}"
        platform.held.remember(identifier, ticket)
        return CommandGiven(
            id=identifier,
            at=_now(),
            workspace=platform.workspace,
            member=MemberRef(platform.workspace, user),
            channel=channel,
            text=said,
            direct=place.startswith("D"),
            fields=fields or {},
            thread=MessageRef(channel, thread) if thread and thread != message else None,
            message=MessageRef(channel, message) if message else None,
            button=button,
            home=home,
            token=ticket.written(),
        )

    def _pressed(
        self, platform: SlackPlatform, user: str, said: str, ticket: Ticket, body: Json, once: str
    ) -> CommandGiven:
        thread, message = _where(body)
        once = f"{message} {once}"
        return self._given(
            platform, user, ticket.channel, said, ticket, once, thread=thread, message=message, button=True
        )

    async def _in_view(
        self, platform: SlackPlatform, user: str, said: str, shown: Json, ticket: Ticket, once: str, *, button: bool
    ) -> CommandGiven:
        """What a modal or a home leads to; where it was opened from nowhere, the answer goes to the person alone."""
        at_home = shown.get("type") == "home"
        origin = origin_of(shown) or Origin(command=said)
        place = origin.channel or (await platform.direct_with(user)).id
        return self._given(
            platform,
            user,
            place,
            said,
            ticket,
            once,
            thread=origin.thread,
            message=origin.message,
            fields={} if at_home else values_of(shown),
            button=button,
            home=at_home,
        )

    async def _open(self, platform: SlackPlatform, form: Any, ticket: Ticket, user: str) -> None:
        language = platform.language_of(user)
        origin = Origin(command=form.command, channel=ticket.channel, thread=ticket.thread, message=ticket.message)
        shown = view(form, origin, platform.scribe, language)
        if shown is None:
            return await self._say(platform, "gone", ticket, user)
        try:
            await platform.wire.ask("views.open", trigger_id=ticket.trigger, view=shown)
        except PlatformError as error:
            log.warning("a form could not be opened: %s", getattr(error, "code", type(error).__name__))
            await self._say(platform, "too_late", ticket, user)

    async def _say(self, platform: SlackPlatform, outcome: str, ticket: Ticket, user: str) -> None:
        if not outcome or not ticket.response:
            return
        try:
            await platform.hooks.say_words(ticket.response, say(outcome, platform.language_of(user)))
        except PlatformError as error:
            log.warning("somebody could not be told that it takes longer: %s", type(error).__name__)

    # Taking in

    async def _take(self, platform: SlackPlatform, context: AsyncBoltContext, given: Event) -> str:
        """Nothing once it is durable; else what the person is to be told."""
        take = self._taker(platform, context)

        async def work() -> None:
            await take(given)

        try:
            place = given.channel.id if isinstance(given, CommandGiven) else ""
            in_time = await self._in_turn(f"{platform.workspace.id} {place}", work)
        except Exception as error:
            log.error("a command could not be kept: %s", type(error).__name__)
            return "not_kept"
        return "" if in_time else "slow"

    async def _in_turn(self, lane: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Whether it was done in time; if not, it goes on. Raises what ``work`` raises."""
        task = asyncio.create_task(self._lanes.in_turn(lane, work))
        self._going_on.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=self._in_time)
        if not task.done():
            return False
        task.result()
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._going_on.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("something could not be taken in: %s", type(error).__name__)

    def _of(self, context: AsyncBoltContext) -> SlackPlatform:
        platform = self._platform(context.team_id or "")
        if platform is None:
            raise NotReady
        return platform

    @staticmethod
    def _taker(platform: SlackPlatform, context: AsyncBoltContext) -> OnEvent:
        given: OnEvent | None = context.get("allant_on_event")
        found = given or platform.on_event or platform.app.on_event
        if found is None:
            raise NotReady
        return found


def _now() -> datetime:
    return datetime.now(UTC)


def _where(body: Json) -> tuple[str, str]:
    """The thread and the message in which something was pressed."""
    container, message = mapping(body.get("container")), mapping(body.get("message"))
    ts = text(container.get("message_ts")) or text(message.get("ts"))
    thread = text(message.get("thread_ts")) or text(container.get("thread_ts"))
    if container.get("is_ephemeral") is True and ts:
        return thread, f"{ts}{EPHEMERAL}"
    return (thread if thread != ts else ""), ts


def _ticket_of(body: Json, said: str) -> Ticket:
    thread, message = _where(body)
    shown = mapping(body.get("view"))
    return Ticket(
        at=time.time(),
        trigger=text(body.get("trigger_id")),
        response=text(body.get("response_url")),
        view=text(shown.get("id")) if shown.get("type") == "modal" else "",
        command=said,
        channel=text(mapping(body.get("channel")).get("id")) or text(mapping(body.get("container")).get("channel_id")),
        thread=thread,
        message=message,
    )


def _first_input(shown: Json) -> str:
    inputs = [text(each.get("block_id")) for each in objects(shown.get("blocks")) if each.get("type") == "input"]
    return next((each for each in inputs if each.startswith(FIELD)), "")
