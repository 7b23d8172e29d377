"""Telegram as a platform: one bot, by asking for updates or by being called."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from telegram import Chat as TelegramChat
from telegram import Update

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Receipt
from bot.core.errors import BadInput, PlatformError, RateLimited, Refused, where
from bot.core.patience import pause
from bot.core.platform import Capabilities, Equipment, OnEvent, Platform
from bot.core.refs import Language, WorkspaceRef
from bot.core.rendering import Renderer
from bot.core.webhook import Webhook, WebRequest, WebResponse
from bot.platforms.telegram import menu
from bot.platforms.telegram.api import PER_SECOND, AlsoAsked, Api, TokenRefused
from bot.platforms.telegram.conversation import Conversation
from bot.platforms.telegram.health import Finding, examine
from bot.platforms.telegram.inbound import Listener
from bot.platforms.telegram.keeping import Memory
from bot.platforms.telegram.outbound import Sender
from bot.platforms.telegram.reading import Names
from bot.platforms.telegram.writing import Scribe

log = logging.getLogger("allant.telegram")

ASKED_FOR = (
    "message",
    "edited_message",
    "message_reaction",
    "callback_query",
    "inline_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
)
"""The kinds of update we can read. chat_member and message_reaction come only to those who ask for them."""
POLL_SECONDS = 25
"""How long Telegram holds a question for updates while there are none."""
START_TRIES = 7
"""Tries to reach Telegram at the start, about half a minute: a service manager starts us again."""
LOOK_SECONDS = 600.0
"""How often a webhook is looked after: somebody may have taken it away."""
AT_ONCE = 10
"""Groups whose administrators are asked for at the same time."""
CONNECTIONS = 20
"""How many calls at once we ask Telegram to make at most."""


class TelegramPlatform(Platform):
    """The workspace is the bot's id: ``telegram/123456`` for a token that begins with ``123456:``."""

    def __init__(
        self,
        *,
        token: str,
        api_url: str,
        language: Language,
        renderer: Renderer,
        public_url: str = "",
        per_second: float = PER_SECOND,
    ) -> None:
        """``api_url``: the Bot API server's. ``language``: for people whose Telegram names none. ``public_url``: where
        Telegram can reach our web server, to be called; empty to ask for updates. ``per_second``: how many
        messages leave at most. Raises BadInput for a wrong setting; nothing is asked of Telegram yet."""
        self._api = Api(token, api_url, per_second)
        if public_url and not public_url.startswith("https://"):
            raise BadInput("Telegram calls webhooks over HTTPS alone: set ALLANT_PUBLIC_URL=https://…")
        self.workspace = WorkspaceRef("telegram", self._api.id)
        self.can = Capabilities(
            buttons=True, forms=True, private_replies=True, direct_needs_opening=True, tells_deletions=False
        )
        self._memory = Memory(self.workspace)
        scribe = Scribe(renderer)
        self._sender = Sender(self._api, self.workspace, self._memory, scribe, language)
        self._conversation = Conversation(
            self._api, self._memory, scribe, Names(self.workspace, language), self._language_for
        )
        self._listener = Listener(self._api, self.workspace, self._memory, self._sender, self._conversation, language)
        # Made from the token, which is secret: whoever could guess them has it, and every process makes the same.
        self._path = f"telegram/{self.workspace.id}/{_made_of(token, 'path')}"
        self._secret = _made_of(token, "secret")
        self._webhook = f"{public_url.rstrip('/')}/hooks/{self._path}" if public_url else ""
        if self._webhook:
            self.webhooks = (Webhook(self._path, self._called),)
        self._equipment: Equipment | None = None

    def equip(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._memory.equip(equipment.drawer)
        self._sender.equip(equipment)
        self._listener.equip(equipment)

    async def _language_for(self, user: int, code: str | None) -> Language:
        return await self._listener.language_for(user, code)

    async def directory(self) -> AsyncIterator[Member | Channel]:
        """The groups as we last knew them with their administrators, and those who came or spoke since the start:
        Telegram lists neither a bot's groups nor a group's people."""
        with _for_the_administrator():
            await self._patiently_me()
        names = self._listener.names
        groups: list[int] = []
        for number, kept in (await self._memory.chats()).items():
            gone = kept.status in ("left", "kicked")
            yield names.channel(number, kept, archived=gone)
            for topic in kept.topics:
                yield names.channel(number, kept, int(topic), archived=gone)
            if not gone and kept.kind != TelegramChat.CHANNEL:
                groups.append(number)
        for first in range(0, len(groups), AT_ONCE):
            asked = [self._administrators(number) for number in groups[first : first + AT_ONCE]]
            for members in await asyncio.gather(*asked):
                for member in members:
                    yield member
        for member in list(self._listener.people.known.values()):
            yield member

    async def run(self, on_event: OnEvent) -> None:
        """Raises BadInput when Telegram refuses the token for good."""
        with _for_the_administrator():
            await self._patiently_me()
            # Beside listening: with hundreds of groups it takes a while to look at the bot's rights in each.
            beside = asyncio.create_task(self._set_up())
            try:
                if self._webhook:
                    await self._be_called()
                else:
                    await self._ask_for_updates(on_event)
            finally:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)

    async def do(self, delivery: Delivery) -> Receipt:
        await self._api.me()
        user = await self._conversation.waits_for(delivery)
        form = delivery.message.form
        if user is not None and form is not None:
            delivery = replace(delivery, message=replace(delivery.message, form=None))
        receipt = await self._sender.do(delivery)
        if user is not None:
            with contextlib.suppress(PlatformError):
                # The message is out; the form below it can be asked for again: its trouble is none of the delivery's.
                await self._conversation.go_on(user, form)
        return receipt

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Telegram cannot tell: it keeps no key of ours, and shows a bot no history."""
        return None

    async def close(self) -> None:
        await self._api.close()

    async def examine(self, *, listening: bool = False) -> list[Finding]:
        """What the doctor says. ``listening``: we ask for updates ourselves at this moment."""
        return await examine(self._api, await self._memory.chats(), webhook=self._webhook, listening=listening)

    # Asking for updates

    async def _ask_for_updates(self, on_event: OnEvent) -> None:
        """Telegram counts an update as read once we ask for the ones after it, so we do that when it is durable."""
        await self._leave_webhook()
        offset, failed = 0, 0
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            try:
                updates = await self._api.ask(
                    self._api.bot.get_updates(
                        offset=offset or None,
                        timeout=POLL_SECONDS,
                        allowed_updates=ASKED_FOR,
                    )
                )
                for update in updates:
                    await self._listener.take_in(update, on_event, patiently=True)
                    offset = update.update_id + 1
            except TokenRefused:
                raise
            except RateLimited as error:
                await asyncio.sleep(error.retry_after)
                continue
            except Exception as error:
                failed += 1
                if failed == 1:
                    said = _CONFLICT if isinstance(error, AlsoAsked) else _reason(error)
                    log.warning("no updates from Telegram: %s; trying again until it works", said)
                if isinstance(error, AlsoAsked) and failed % 5 == 0:
                    await self._leave_webhook()
                await asyncio.sleep(pause(failed))
                continue
            if not updates and loop.time() - asked < 1.0:
                await asyncio.sleep(0.2)  # A server that does not hold the question is not asked in a circle.
            if failed:
                log.info("updates from Telegram come again after %d tries", failed)
                failed = 0

    async def _leave_webhook(self) -> None:
        """Where one is set, Telegram gives updates to nobody who asks. What waits is kept."""
        with contextlib.suppress(PlatformError):
            info = await self._api.ask(self._api.bot.get_webhook_info())
            if info.url:
                log.warning("a webhook was set for this bot; taken away, as we ask for updates")
                await self._api.ask(self._api.bot.delete_webhook(drop_pending_updates=False))

    # Being called

    async def _be_called(self) -> None:
        failed = 0
        while True:
            try:
                info = await self._api.ask(self._api.bot.get_webhook_info())
                if failed or info.url != self._webhook or set(info.allowed_updates or ()) != set(ASKED_FOR):
                    await self._api.ask(
                        self._api.bot.set_webhook(
                            self._webhook,
                            allowed_updates=ASKED_FOR,
                            secret_token=self._secret,
                            max_connections=CONNECTIONS,
                        )
                    )
                    log.info("Telegram calls our webhook from now on")
                failed = 0
            except TokenRefused:
                raise
            except PlatformError as error:
                failed += 1
                log.warning("the webhook could not be set: %s; trying again until it works", error)
                await asyncio.sleep(pause(failed))
                continue
            await asyncio.sleep(LOOK_SECONDS)

    async def _called(self, request: WebRequest, on_event: OnEvent) -> WebResponse:
        """Telegram brings one update; 200 says that it is durable, anything else that it is to be brought again."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if request.method != "POST" or not hmac.compare_digest(given.encode(), self._secret.encode()):
            return WebResponse(status=403)
        try:
            update = Update.de_json(json.loads(request.body), self._api.bot)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Brought again it would be no better: it is let go, so that those after it come.
            log.warning("an update could not be read and was passed over: %s", where(error))
            return WebResponse()
        await self._api.me()
        await self._listener.take_in(update, on_event, patiently=False)
        return WebResponse()

    # The start

    async def _patiently_me(self) -> None:
        failed = 0
        while True:
            try:
                await self._api.me()
                return
            except (TokenRefused, Refused):
                raise
            except PlatformError as error:
                failed += 1
                if failed == START_TRIES:
                    raise
                if failed == 1:
                    log.warning("%s; trying again", error)
                wait = error.retry_after if isinstance(error, RateLimited) else pause(failed, 8.0)
                await asyncio.sleep(wait)

    async def _set_up(self) -> None:
        await self._tell_menu()
        await self._log_health()

    async def _tell_menu(self) -> None:
        if self._equipment is None:
            return
        try:
            await menu.tell(self._api, self._equipment.menu())
        except PlatformError as error:
            log.warning("the commands could not be listed at Telegram: %s", error)

    async def _log_health(self) -> None:
        try:
            found = await self.examine(listening=True)
        except PlatformError as error:
            log.warning("how the bot stands with Telegram could not be found out: %s", error)
            return
        for each in found:
            level = logging.WARNING if each.state == "wrong" else logging.INFO
            log.log(level, "%s%s", each.said, f" ({each.mend})" if each.mend else "")

    async def _administrators(self, chat: int) -> list[Member]:
        try:
            found = await self._api.ask(self._api.bot.get_chat_administrators(chat))
        except PlatformError:
            return []  # We are no longer there, or Telegram is away: what is known stays.
        names = self._listener.names
        return [names.person(each.user, guest=False) for each in found if str(each.user.id) != self._api.id]


_CONFLICT = (
    "somebody else asks for this bot's updates, or a webhook is set; run one Allant with this token, and no other "
    "program"
)


def _made_of(token: str, what: str) -> str:
    return hmac.new(token.encode(), f"allant telegram {what}".encode(), hashlib.sha256).hexdigest()


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, PlatformError) else where(error)


@contextlib.contextmanager
def _for_the_administrator() -> Iterator[None]:
    """What only a change of settings mends, as an error that ends the run and says so."""
    try:
        yield
    except TokenRefused as error:
        raise BadInput(f"Telegram: {error}") from None
