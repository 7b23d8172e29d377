"""What the doctor needs: the adapter with the store's knowledge of groups, and nothing else running."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from bot.connections import make_telegram
from bot.core.platform import Equipment, Suggestion
from bot.core.refs import Language, MemberRef, MessageRef
from bot.platforms.telegram.health import Finding
from bot.settings import Settings
from bot.store import Store


async def look(settings: Settings) -> list[Finding]:
    """How the bot stands with Telegram. Raises BadInput for a wrong setting or database."""
    platform = make_telegram(settings)
    store = await Store.open(settings.database_url, secret=settings.secret())
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        stack.push_async_callback(platform.close)
        platform.equip(
            Equipment(
                drawer=store.drawer(platform.workspace),
                language_of=_nobody,
                is_ours=_nothing,
                knows=lambda words: False,
                look_up=_none,
                menu=lambda: [],
            )
        )
        return await platform.examine()


async def _nobody(member: MemberRef) -> Language | None:
    return None


async def _nothing(message: MessageRef) -> bool:
    return False


async def _none(member: MemberRef, words: str, language: Language) -> Sequence[Suggestion]:
    return []
