"""What a platform may use of the house, made from the ports."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.dispatch import menu, route
from bot.core.feature import Ports
from bot.core.menu import MenuEntry
from bot.core.platform import Drawer, Equipment, Suggestion
from bot.core.refs import Language, MemberRef, MessageRef, WorkspaceRef

MOST_SUGGESTED = 8
"""What fits on a telephone's screen above the keyboard."""
LEAST_SCORE = 0.15
"""Below this (of 1) matches are chance."""


def equipment(ports: Ports, drawer: Drawer, workspace: WorkspaceRef) -> Equipment:
    """The equipment of the platform of ``workspace``."""

    async def language_of(ref: MemberRef) -> Language | None:
        member = await ports.members.get(ref)
        return None if member is None else member.language

    async def is_ours(message: MessageRef) -> bool:
        return await ports.ledger.sent_as(workspace, message.channel, message.id) is not None

    async def look_up(ref: MemberRef, words: str, language: Language) -> Sequence[Suggestion]:
        """Strangers see what guests see: who may read an entry is decided here, whoever asks."""
        member = await ports.members.get(ref)
        guest = member is None or member.guest or not member.active
        if words.strip():
            found = await ports.library.search(words, language, guest=guest, kind="faq")
            entries = [hit.entry for hit in found.hits if hit.score >= LEAST_SCORE]
        else:
            entries = list(ports.library.entries(language, guest=guest, kind="faq"))
        return [Suggestion(each.slug, each.title, f"**{each.title}**\n\n{each.body}") for each in entries][
            :MOST_SUGGESTED
        ]

    def knows(words: str) -> bool:
        return route(ports.catalogue, words) is not None

    def listed() -> Sequence[MenuEntry]:
        return menu(ports.catalogue, ports.library)

    return Equipment(drawer=drawer, language_of=language_of, is_ours=is_ours, knows=knows, look_up=look_up, menu=listed)
