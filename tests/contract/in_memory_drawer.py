"""A drawer in memory: what an adapter puts aside where there is no store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.platform import Drawer, Equipment, Suggestion
from bot.core.refs import Language, MemberRef, MessageRef


class InMemoryDrawer(Drawer):
    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, datetime, MemberRef | None]] = {}

    async def get(self, name: str) -> str:
        text, until, _ = self.rows.get(name, ("", datetime.max.replace(tzinfo=UTC), None))
        return text if until > datetime.now(UTC) else ""

    async def put(self, name: str, text: str, *, until: datetime, member: MemberRef | None = None) -> None:
        self.rows[name] = (text, until, member)

    async def drop(self, name: str) -> None:
        self.rows.pop(name, None)

    async def names(self, prefix: str) -> Sequence[str]:
        now = datetime.now(UTC)
        return sorted(name for name, (_, until, _) in self.rows.items() if name.startswith(prefix) and until > now)


def simple_equipment(drawer: Drawer, languages: dict[MemberRef, Language] | None = None) -> Equipment:
    """Equipment for an adapter by itself: nobody else is asked anything."""

    async def language_of(ref: MemberRef) -> Language | None:
        return (languages or {}).get(ref)

    async def is_ours(message: MessageRef) -> bool:
        return False

    async def look_up(ref: MemberRef, words: str, language: Language) -> Sequence[Suggestion]:
        return []

    return Equipment(
        drawer=drawer,
        language_of=language_of,
        is_ours=is_ours,
        knows=lambda words: words.split()[:1] in (["calendar"], ["faq"], ["help"], ["me"]),
        look_up=look_up,
        menu=lambda: [],
    )
