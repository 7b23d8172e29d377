"""Whatever is planned and however it overflows: nobody gets more than the budget, nothing at night, nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.delivery import Kind, State
from bot.core.events import DigestDue, Event
from bot.core.ledger import REASONS, in_digest
from bot.core.policy import PolicyRules, is_open
from bot.core.refs import Place
from tests.contract.in_memory_ledger import ALICE, GENERAL, RANDOM, TUESDAY_TEN
from tests.contract.test_outbox import Desk

PARIS = "Europe/Paris"
UNASKED = [kind for kind in Kind if kind.unasked]
PLACES: list[Place] = [GENERAL, RANDOM, ALICE]
PLANS = st.lists(
    st.tuples(
        st.sampled_from(UNASKED),
        st.sampled_from(PLACES),
        st.integers(0, 72),  # Due so many hours from now,
        st.sampled_from([None, 2, 30]),  # and of use for so many hours.
    ),
    min_size=1,
    max_size=40,
)
OVERFLOWS = st.sampled_from(["move", "digest", "drop", {"post": "digest", "feed": "drop", "journey": "drop"}])


@settings(max_examples=25, deadline=None)
@given(plans=PLANS, overflow=OVERFLOWS)
def test_budgets_hold_over_everything_and_each_end_has_its_reason(
    plans: list[tuple[Kind, Place, int, int | None]], overflow: str | dict[str, str]
) -> None:
    rules = PolicyRules(channel_day=2, member_day=1, welcome_day=1, overflow=overflow)
    desk = asyncio.run(_a_week(rules, plans))
    days: Counter[tuple[Place, bool, str]] = Counter()
    for row in desk.ledger.rows.values():
        if row.state is State.SENT:
            assert row.sent_at is not None
            assert is_open(row.sent_at, rules, PARIS)
            welcome = row.kind is Kind.WELCOME and row.to is not ALICE
            days[row.to, welcome, row.sent_at.astimezone(ZoneInfo(PARIS)).date().isoformat()] += 1
        else:
            # After a fortnight of patience of four days nothing is open any more, and each says why.
            assert row.state is State.HELD_BACK
            assert row.reason.partition(": ")[0] in REASONS
    for (place, welcome, _), count in days.items():
        assert count <= (1 if welcome or place is ALICE else 2)


async def _a_week(rules: PolicyRules, plans: list[tuple[Kind, Place, int, int | None]]) -> Desk:
    """A desk on which everything planned had a fortnight to go out, by steps of an hour while people work."""
    desk = Desk(rules=rules)

    async def digest(event: Event) -> None:
        if isinstance(event, DigestDue):
            first = event.parts[0]
            key = f"digest/{first.id}"
            for part in event.parts:
                await desk.ledger.close(part, State.HELD_BACK, in_digest(key))
            desk.ledger.plan(key, first.to, first.kind, due=desk.clock.now())

    desk.on_trouble = digest
    for number, (kind, place, hours, useful) in enumerate(plans):
        due = TUESDAY_TEN + timedelta(hours=hours)
        expires = due + timedelta(hours=useful) if useful else None
        desk.ledger.plan(f"{number}", place, kind, due=due, expires=expires)
    for _ in range(14 * 24):
        coming = await desk.ledger.next_due()
        if coming is not None and coming <= desk.clock.now():
            await desk.outbox.drain()
        desk.clock.forward(hours=1)
    return desk
