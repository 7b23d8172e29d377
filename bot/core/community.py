"""Who and where: members, their roles, channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import IntEnum
from typing import Literal

from bot.core.refs import ChannelRef, Language, MemberRef

ChannelLanguage = Literal["fr", "en", "both"]


class Role(IntEnum):
    """What a member may ask of the bot; each role may do what the ones before it may."""

    MEMBER = 0
    ANIMATOR = 1
    ADMIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """What one channel or person has otherwise than the policy; None where they go by the policy.

    ``working_days``: 0 is Monday. ``country`` and ``region`` name public holidays, as in PolicyRules.
    """

    quiet_from: time | None = None
    quiet_to: time | None = None
    working_days: tuple[int, ...] | None = None
    country: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a workspace: what the platform says of them, and what they chose.

    ``zone`` is an IANA name. ``muted_until`` and ``away_until`` are aware UTC moments, None when not so.
    ``language_chosen`` is true once the person chose it themselves: the platform's value no longer replaces it.
    """

    ref: MemberRef
    name: str
    language: Language = "en"
    zone: str = "UTC"
    guest: bool = False
    manager: bool = False
    bot: bool = False
    active: bool = True
    role: Role = Role.MEMBER
    language_chosen: bool = False
    muted_until: datetime | None = None
    away_until: datetime | None = None
    joined_at: datetime | None = None
    hours: Hours | None = None
    """The quiet hours, working days and country the person chose; None: those of the policy."""
    team: str = ""
    """The part of the organisation they belong to, for the figures about talk across parts; empty: not known."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A place to talk. ``name`` has no leading #. ``tags``, ``language``, ``zone`` and ``one_way`` come from
    schedules/channels.yaml where the channel is named there. ``last_message_at`` is an aware UTC moment."""

    ref: ChannelRef
    name: str
    direct: bool = False
    archived: bool = False
    tags: tuple[str, ...] = ()
    language: ChannelLanguage = "both"
    zone: str = "UTC"
    one_way: bool = False
    last_message_at: datetime | None = None
