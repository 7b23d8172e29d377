"""From a delivery to requests. Every message carries the delivery's key in its metadata, by which it is found again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import aiohttp

from bot.core.delivery import Delivery, Receipt, Verb
from bot.core.errors import Refused, Unreachable, Unsure
from bot.core.message import Form
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, WorkspaceRef
from bot.platforms.slack import emoji
from bot.platforms.slack.blocks import MAX_LABEL, OPEN_FORM, Part, Scribe, buttons, escaped, home, plain_text
from bot.platforms.slack.modals import Origin, errors_of, notice, pack, typed_form, view
from bot.platforms.slack.phrases import say
from bot.platforms.slack.reading import EPHEMERAL, Json, fingerprint, mapping, objects, text
from bot.platforms.slack.tickets import Held, Ticket
from bot.platforms.slack.wire import SlackRefused, Wire

log = logging.getLogger("allant.slack")

METADATA = "allant_delivery"
"""The event type of our messages' metadata: the key's fingerprint, which part it is, and of how many."""
LOOK_BACK_PAGES = 5
"""Pages of 200 messages looked through for a key: a delivery is looked up soon after it was sent."""
PAGE = 200
HOOK_HOSTS = (".slack.com", ".slack-gov.com")
WITH = ";with="
"""In the id of a message that went out in several parts, after the last one: the others."""
_NO_PLACE_FOR_IT = frozenset({"channel_not_found", "not_in_channel", "user_not_in_channel", "is_archived"})


class Hooks:
    """The addresses at which Slack takes answers to an interaction (``response_url``)."""

    def __init__(self, api_url: str, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._origin = urlsplit(api_url)
        self._session = session

    async def say(self, address: str, parts: Sequence[Part], thread: str | None, *, replace: bool = False) -> bool:
        """Show this to the one person who acted. False where the address takes nothing (any more). Raises Unsure."""
        for part in parts:
            body: Json = {"text": part.text, "blocks": part.blocks, "replace_original": replace}
            if not replace:
                body |= {"response_type": "ephemeral"} | ({"thread_ts": thread} if thread else {})
            if not await self._post(address, body):
                return False
        return True

    async def say_words(self, address: str, words: str) -> bool:
        """The same with one line of our own."""
        return await self.say(address, [Part(words, [])], None)

    async def _post(self, address: str, body: Json) -> bool:
        if not self._is_slacks(address):
            return False
        given = {name: value for name, value in body.items() if value not in ([], None)}
        try:
            async with self._session().post(address, json=given) as answer:
                if answer.status >= 500:
                    raise Unsure(f"Slack answered HTTP {answer.status}")
                return answer.status < 300
        except aiohttp.ClientConnectorError:
            raise Unreachable("Slack cannot be reached") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unsure(f"Slack did not answer ({type(error).__name__})") from None

    def _is_slacks(self, address: str) -> bool:
        """Signed requests bring these addresses; all the same nothing is posted anywhere else."""
        asked = urlsplit(address)
        ours = (asked.scheme, asked.netloc) == (self._origin.scheme, self._origin.netloc)
        return ours or (asked.scheme == "https" and (asked.hostname or "").endswith(HOOK_HOSTS))


class Sender:
    """Carries out deliveries. Raises the errors of :class:`Wire`, and Refused for what can never be done."""

    def __init__(
        self,
        wire: Wire,
        workspace: WorkspaceRef,
        scribe: Scribe,
        held: Held,
        hooks: Hooks,
        language: Callable[[str], Language],
    ) -> None:
        """``language``: of a person, by id, as far as it is known."""
        self._wire = wire
        self._workspace = workspace
        self._scribe = scribe
        self._held = held
        self._hooks = hooks
        self._language_of = language

    async def do(self, delivery: Delivery) -> Receipt:
        if delivery.verb is Verb.SEND:
            return await self._send(delivery)
        if delivery.verb is Verb.HOME:
            return await self._show_home(delivery)
        if delivery.target is None:
            raise Refused(f"{delivery.verb} names no message")
        if delivery.verb is Verb.EDIT:
            return await self._edit(delivery, delivery.target)
        if delivery.verb is Verb.WITHDRAW:
            return await self._withdraw(delivery.target)
        return await self._react(delivery.target, delivery.emoji)

    # Sending

    async def _send(self, delivery: Delivery) -> Receipt:
        ticket = self._held.ticket(delivery)
        language = self._language(delivery)
        if ticket is not None and ticket.view and await self._in_the_modal(delivery, ticket, language):
            return Receipt()
        form = delivery.message.form
        if ticket is not None and form is not None and await self._opened(form, ticket, language):
            return Receipt()
        parts = self._parts(delivery, ticket, language)
        if delivery.visible_to is not None and not self._is_direct(delivery.to):
            return await self._to_one(delivery, delivery.visible_to, parts, ticket)
        return await self._post(delivery, delivery.to.id, parts)

    async def _post(self, delivery: Delivery, place: str, parts: list[Part]) -> Receipt:
        thread = delivery.thread.id if delivery.thread and delivery.thread.channel.id == place else None
        # Somewhere in the middle a crash may have come: what is there already is not said again.
        there = await self._there(delivery, place, thread) if len(parts) > 1 and delivery.reason else {}
        channel, sent = place, dict(there)
        for number, part in enumerate(parts):
            if number in sent:
                continue
            answer = await self._wire.ask(
                "chat.postMessage",
                channel=place,
                text=part.text,
                blocks=part.blocks,
                thread_ts=thread,
                metadata=_metadata(delivery.key, number, len(parts)),
                unfurl_links=False,
                unfurl_media=False,
            )
            channel = text(answer.get("channel")) or place
            sent[number] = text(answer.get("ts"))
        return self._receipt(channel, [sent[number] for number in range(len(parts))])

    async def _to_one(self, delivery: Delivery, person: MemberRef, parts: list[Part], ticket: Ticket | None) -> Receipt:
        """What one person alone sees in a channel. By the response address where there is one, which also works where
        the bot is not in the channel; in a direct message where Slack does not let us say it there."""
        thread = delivery.thread.id if delivery.thread else None
        lives = ticket is not None and ticket.response_lives(self._held.now())
        if ticket is not None and lives and await self._hooks.say(ticket.response, parts, thread):
            return Receipt()
        sent = ""
        for part in parts:
            try:
                answer = await self._wire.ask(
                    "chat.postEphemeral",
                    channel=delivery.to.id,
                    user=person.id,
                    text=part.text,
                    blocks=part.blocks,
                    thread_ts=thread,
                )
            except SlackRefused as error:
                if error.code not in _NO_PLACE_FOR_IT:
                    raise
                return await self._post(delivery, person.id, parts)
            sent = text(answer.get("message_ts"))
        return Receipt(MessageRef(ChannelRef(self._workspace, delivery.to.id), f"{sent}{EPHEMERAL}"))

    def _parts(self, delivery: Delivery, ticket: Ticket | None, language: Language) -> list[Part]:
        message = delivery.message
        opener = self._form_button(message.form, ticket, language) if message.form is not None else None
        # A form that fits neither into a modal nor into a button is shown as the command to type.
        typed = typed_form(message.form) if message.form is not None and opener is None else ""
        parts = self._scribe.parts("\n\n".join(each for each in (message.text, typed) if each.strip()))
        last = parts[-1]
        shown = [*last.blocks, *buttons(message.buttons, language), *([opener] if opener else [])]
        title = message.form.title if message.form is not None else " "
        return [*parts[:-1], Part(last.text if last.text.strip() else escaped(title), shown)]

    def _form_button(self, form: Form, ticket: Ticket | None, language: Language) -> Json | None:
        """Opens the form: by giving the command again that led to it, or from the button itself."""
        if view(form, Origin(command=form.command), self._scribe, language) is None:
            return None
        value = ticket.command if ticket is not None and ticket.command else pack(form)
        if not value:
            return None
        element = {
            "type": "button",
            "action_id": OPEN_FORM,
            "style": "primary",
            "text": plain_text(say("open", language), MAX_LABEL),
            "value": value,
        }
        return {"type": "actions", "elements": [element]}

    # Modals

    async def _opened(self, form: Form, ticket: Ticket, language: Language) -> bool:
        """Whether the form is open in a modal now."""
        if not ticket.trigger_lives(self._held.now()):
            return False
        shown = view(form, _origin(form, ticket), self._scribe, language)
        if shown is None:
            return False
        try:
            await self._wire.ask("views.open", trigger_id=ticket.trigger, view=shown)
        except SlackRefused as error:
            log.info("a form could not be opened as a modal (%s); a button is sent instead", error.code)
            return False
        except (Unsure, Unreachable):
            return False  # The button that follows opens it, were it open already or not.
        return True

    async def _in_the_modal(self, delivery: Delivery, ticket: Ticket, language: Language) -> bool:
        """Answer a submitted modal in it. True when nothing else is to be said: the form is shown again."""
        form = delivery.message.form
        if form is None:
            if not self._held.give(ticket.handle, {}):
                await self._change_view(ticket, notice("done", "Allant", language))
            return False
        shown = view(form, _origin(form, ticket), self._scribe, language)
        if shown is None:
            return False
        if self._held.give(ticket.handle, errors_of(form) or {"response_action": "update", "view": shown}):
            return True
        return await self._change_view(ticket, shown)

    async def _change_view(self, ticket: Ticket, shown: Json) -> bool:
        """False when the person closed it meanwhile."""
        try:
            await self._wire.ask("views.update", view_id=ticket.view, view=shown)
        except SlackRefused as error:
            log.info("a modal could not be changed (%s)", error.code)
            return False
        return True

    async def _show_home(self, delivery: Delivery) -> Receipt:
        language = self._language(delivery)
        shown = home(delivery.message.sections, self._scribe, language)
        await self._wire.ask("views.publish", user_id=delivery.to.id, view=shown)
        return Receipt()

    # What is there already

    async def _edit(self, delivery: Delivery, target: MessageRef) -> Receipt:
        ticket = self._held.ticket(delivery)
        language = self._language(delivery)
        parts = self._parts(delivery, ticket, language)
        if target.id.endswith(EPHEMERAL):
            # Only its own response address reaches it, and it is gone when the person looks at Slack anew.
            if ticket is not None and ticket.response_lives(self._held.now()):
                await self._hooks.say(ticket.response, parts, None, replace=True)
            return Receipt(target)
        ids = _parts_of(target.id)
        if len(parts) > len(ids):
            raise Refused("the new words are too long for the message they replace")
        for identifier, part in zip(ids, parts, strict=False):
            await self._wire.ask(
                "chat.update", channel=target.channel.id, ts=identifier, text=part.text, blocks=part.blocks
            )
        for identifier in ids[len(parts) :]:
            await self._delete(target.channel.id, identifier)
        return Receipt(target)

    async def _withdraw(self, target: MessageRef) -> Receipt:
        if not target.id.endswith(EPHEMERAL):
            for identifier in _parts_of(target.id):
                await self._delete(target.channel.id, identifier)
        return Receipt(target)

    async def _delete(self, channel: str, identifier: str) -> None:
        try:
            await self._wire.ask("chat.delete", channel=channel, ts=identifier)
        except SlackRefused as error:
            if error.code != "message_not_found":  # Somebody was quicker, or we were before a crash.
                raise

    async def _react(self, target: MessageRef, shown: str) -> Receipt:
        last = _parts_of(target.id)[-1]
        try:
            await self._wire.ask("reactions.add", channel=target.channel.id, timestamp=last, name=emoji.name(shown))
        except SlackRefused as error:
            if error.code != "already_reacted":
                raise
        return Receipt(target)

    # After a crash

    def can_tell(self, delivery: Delivery) -> bool:
        """What one person sees is in no history. To edit, delete and react once more changes nothing."""
        private = delivery.visible_to is not None and not self._is_direct(delivery.to)
        return delivery.verb is not Verb.SEND or not private

    async def find(self, delivery: Delivery) -> Receipt | None:
        """The message that went out with this key, looked for in the channel's or the thread's history. None while a
        part of it is missing."""
        if delivery.verb is not Verb.SEND:
            return None
        place = delivery.to.id
        if isinstance(delivery.to, MemberRef):
            place = text(mapping((await self._wire.ask("conversations.open", users=place)).get("channel")).get("id"))
        thread = delivery.thread.id if delivery.thread and delivery.thread.channel.id == place else None
        there = await self._there(delivery, place, thread)
        whole = there.get(-1)
        if whole is None or len(there) - 1 < int(whole):
            return None
        return self._receipt(place, [there[number] for number in range(int(whole))])

    async def _there(self, delivery: Delivery, place: str, thread: str | None) -> dict[int, str]:
        """The parts of the delivery in the history by number; under -1 of how many."""
        key, found, cursor = fingerprint(delivery.key), dict[int, str](), ""
        method = "conversations.replies" if thread else "conversations.history"
        since = delivery.created_at or delivery.due
        for _ in range(LOOK_BACK_PAGES):
            page = await self._wire.ask(
                method,
                read=True,
                channel=place,
                ts=thread,
                oldest=f"{since.timestamp() - 600:.6f}",
                limit=str(PAGE),
                include_all_metadata="true",
                cursor=cursor or None,
            )
            for message in objects(page.get("messages")):
                metadata = mapping(message.get("metadata"))
                payload = mapping(metadata.get("event_payload"))
                if metadata.get("event_type") == METADATA and payload.get("key") == key:
                    found[int(payload.get("part", 0))] = text(message.get("ts"))
                    found[-1] = str(payload.get("of", 1))
            cursor = text(mapping(page.get("response_metadata")).get("next_cursor"))
            if not cursor:
                break
        return found

    def _receipt(self, channel: str, sent: list[str]) -> Receipt:
        others = f"{WITH}{','.join(sent[:-1])}" if len(sent) > 1 else ""
        return Receipt(MessageRef(ChannelRef(self._workspace, channel), f"{sent[-1]}{others}"))

    @staticmethod
    def _is_direct(place: ChannelRef | MemberRef) -> bool:
        return isinstance(place, MemberRef) or place.id.startswith("D")

    def _language(self, delivery: Delivery) -> Language:
        person = delivery.visible_to or (delivery.to if isinstance(delivery.to, MemberRef) else None)
        return self._language_of(person.id if person is not None else "")


def _metadata(key: str, number: int, count: int) -> Json:
    return {"event_type": METADATA, "event_payload": {"key": fingerprint(key), "part": number, "of": count}}


def _parts_of(identifier: str) -> list[str]:
    """The timestamps of the messages behind an id, the last one last."""
    last, _, others = identifier.partition(WITH)
    return [*(each for each in others.split(",") if each), last]


def _origin(form: Form, ticket: Ticket) -> Origin:
    return Origin(command=form.command, channel=ticket.channel, thread=ticket.thread, message=ticket.message)
