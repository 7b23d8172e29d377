"""Matrix as a platform: one bot user on one homeserver."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Receipt
from bot.core.errors import BadInput, Refused, SignedOut
from bot.core.patience import patiently
from bot.core.platform import Capabilities, Keepsake, OnEvent, Platform
from bot.core.refs import Language, WorkspaceRef
from bot.core.rendering import Renderer
from bot.platforms.matrix.homeserver import Homeserver
from bot.platforms.matrix.inbound import Listener
from bot.platforms.matrix.outbound import Sender
from bot.platforms.matrix.reading import server_of
from bot.platforms.matrix.session import SessionFile
from bot.platforms.matrix.writing import Scribe

_USER = re.compile(r"@[^\s:/]+:[^\s/]+")
START_TRIES = 7
"""Tries to reach the homeserver at the start, about half a minute: a service manager starts us again."""


class MatrixPlatform(Platform):
    """The workspace is the homeserver's name: ``matrix/example.org`` for ``@allant:example.org``."""

    sends_where_it_listens = True

    def __init__(
        self,
        *,
        homeserver: str,
        user: str,
        password: str = "",
        access_token: str = "",
        language: Language,
        renderer: Renderer,
        state_file: Path,
    ) -> None:
        """``homeserver``: its address (``https://matrix.example.org``). ``user``: the bot's full id. ``password`` or
        ``access_token``: the token wins. ``language``: that of members, whom Matrix does not ask. ``state_file``: where
        session and sync token are kept; it belongs to this user alone. Raises BadInput for a wrong setting; nothing is
        asked of the homeserver yet."""
        if not re.match(r"https?://[^/\s]", homeserver):
            raise BadInput(f"ALLANT_MATRIX_HOMESERVER={homeserver} is no address; write https://matrix.example.org")
        if not _USER.fullmatch(user):
            raise BadInput(f"ALLANT_MATRIX_USER={user} is no full Matrix id; write @allant:example.org")
        if not (password or access_token):
            raise BadInput("set ALLANT_MATRIX_PASSWORD or ALLANT_MATRIX_ACCESS_TOKEN for ALLANT_MATRIX_USER")
        self.workspace = WorkspaceRef("matrix", server_of(user))
        self.can = Capabilities(safe_to_repeat=True, can_look_up=True, images=True, files=True)
        self._server = Homeserver(
            homeserver=homeserver,
            user=user,
            password=password,
            access_token=access_token,
            state_file=SessionFile(state_file),
        )
        self._listener = Listener(self._server, self.workspace, language, lambda: datetime.now(UTC))
        self._sender = Sender(self._server, self.workspace, self._listener.roster, Scribe(renderer, server_of(user)))
        self._listening = False

    async def attend(self, keepsake: Keepsake) -> None:
        """The sync token and the session are everybody's: whoever goes on misses nothing and repeats nothing."""
        await self._server.go_on(keepsake)

    async def directory(self) -> AsyncIterator[Member | Channel]:
        with _for_the_administrator():
            if self._listening:
                # Not from the beginning: Synapse keeps its answer to that for two minutes and would repeat it.
                batch = await self._server.sync(self._server.session.since, full=True)
            else:
                batch = await patiently(self._listener.catch_up, tries=START_TRIES)
        for each in self._listener.directory(batch):
            yield each

    async def run(self, on_event: OnEvent) -> None:
        """Raises BadInput when the homeserver refuses the session for good."""
        self._listening = True
        try:
            with _for_the_administrator():
                await self._listener.run(on_event)
        finally:
            self._listening = False

    async def do(self, delivery: Delivery) -> Receipt:
        return await self._sender.do(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        return await self._sender.find(delivery)

    async def close(self) -> None:
        await self._server.close()


@contextlib.contextmanager
def _for_the_administrator() -> Iterator[None]:
    """What only a change of settings mends, as an error that ends the run and says so."""
    try:
        yield
    except (SignedOut, Refused) as error:
        raise BadInput(f"Matrix: {error}") from None
