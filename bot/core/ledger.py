"""What may be asked of the ledger, what people decided about its rows, and the reasons it gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.core.delivery import State
from bot.core.refs import MemberRef, Place, WorkspaceRef

WAITING_REASONS = frozenset(
    {"quiet_hours", "day_budget", "week_budget", "welcome_budget", "away", "muted", "paused", "for_digest", "rules"}
)
"""Why policy lets something wait (see :class:`bot.core.policy.Wait`): no failed attempt."""
REASONS = WAITING_REASONS | frozenset(
    {"gone", "expired", "outranked", "in_digest", "resent", "recalled", "unapproved"}
    | {"unreachable", "rate_limited", "not_connected", "not_arrived", "unclear", "broken", "refused"}
)
"""Every reason code of the ledger, some with a detail after a colon; each has its sentence in
content/messages/reasons.yaml."""
TRIED_AGAIN = frozenset({"unreachable", "rate_limited", "not_arrived"})
"""Why something that failed waits: what comes after it in its place waits with it."""
OVER = (State.FAILED, State.UNCERTAIN, State.HELD_BACK)
"""States of what did not go out, or may not have: people may have it sent again."""
DEAD = (State.FAILED, State.UNCERTAIN)
"""States that ask for a person's decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which rows of the ledger, newest first. Empty fields do not narrow.

    ``since``: left, or is due, no earlier. ``prefix``: of the key. ``before``: with a smaller number, for paging.
    ``answers``: whether what somebody asked for is among them. ``undecided``: leaves out what people dropped.
    """

    workspace: WorkspaceRef | None = None
    place: Place | None = None
    features: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    since: datetime | None = None
    prefix: str = ""
    before: int = 0
    answers: bool = True
    undecided: bool = False
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about the delivery of that number: to send it again, or to let it be. ``by`` is None
    where they have been forgotten since."""

    number: int
    what: Literal["resend", "drop"]
    at: datetime
    by: MemberRef | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing unasked leaves, from ``since`` until ``until`` (None: until resumed). ``by`` is None for the
    administrator at the command line. ``everywhere``: over every workspace of this database."""

    since: datetime
    until: datetime | None = None
    by: MemberRef | None = None
    everywhere: bool = True


def in_digest(key: str) -> str:
    """The reason of a message that was told in the digest with this key instead."""
    return f"in_digest: {key}"


def digest_key(reason: str) -> str:
    """The key in a reason made by :func:`in_digest`; empty for another reason."""
    name, _, key = reason.partition(": ")
    return key if name == "in_digest" else ""
