"""The commands that platforms with a list of commands show there: one word each, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.community import Role
from bot.core.refs import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """A command of one word. ``names`` are what people type in each language, ``says`` what it does; ``role``: who may
    give it."""

    names: Mapping[Language, str]
    says: Mapping[Language, str]
    role: Role
