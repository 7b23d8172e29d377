"""`allant report`: the same figures as a page, a table, data and a picture."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from bot.checking import check_files
from bot.core.errors import BadInput
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.core.signals import Signal, What
from bot.reporting import make
from bot.store import Store
from tests.commands.conftest import Organisation

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ACME = WorkspaceRef("test", "acme")
GOALS = """
goals:
  - id: habit
    name: {en: More people, fr: Plus de monde}
    measure: MEASURE
    from: 0
    to: 20
    since: 2026-11-01
    by: 2026-12-20
"""


async def lived(organisation: Organisation) -> None:
    """Six people wrote in the last week."""
    store = await Store.open(organisation.settings.database_url, secret=organisation.settings.secret())
    try:
        await store.record_signals(
            [
                Signal(
                    source=f"m{number}",
                    workspace=ACME,
                    at=MONDAY - timedelta(days=4, minutes=number),
                    what=What.POSTED,
                    member=MemberRef(ACME, f"P{number}"),
                    channel=ChannelRef(ACME, "C1"),
                )
                for number in range(6)
            ]
        )
    finally:
        await store.close()


async def made(
    organisation: Organisation, kind: Literal["html", "csv", "json", "png"], period: str = "week", french: bool = False
) -> bytes:
    language: Literal["fr", "en"] = "fr" if french else "en"
    return await make(organisation.settings, period=period, kind=kind, language=language, workspace="", now=MONDAY)


async def test_each_form_holds_the_same_figures(organisation: Organisation) -> None:
    organisation.write({"schedules/goals.yaml": GOALS.replace("MEASURE", "active_28_days")})
    await lived(organisation)
    data = json.loads(await made(organisation, "json"))
    assert data["now"]["figures"]["active_week"]["value"] == 6
    assert [goal["standing"] for goal in data["goals"]] == ["behind"]
    table = (await made(organisation, "csv")).decode("utf-8-sig")
    assert 'figure,active_week,"Active members, 7 days",6,,2026-11-22,0,2026-11-15' in table
    page = (await made(organisation, "html", french=True)).decode()
    assert "Semaine 47, du 16 novembre au 22 novembre 2026" in page
    assert "en retard sur le plan" in page
    assert page.count("data:image/png;base64,") == 3
    assert (await made(organisation, "png")).startswith(b"\x89PNG")


async def test_a_wrong_period_is_told(organisation: Organisation) -> None:
    await lived(organisation)
    with pytest.raises(BadInput, match="--period: “tomorrow” is no period"):
        await made(organisation, "json", "tomorrow")


async def test_where_nothing_was_counted_there_is_a_page_and_nothing_to_draw(organisation: Organisation) -> None:
    await lived(organisation)
    page = (await made(organisation, "html", "2026-03")).decode()
    assert "<img" not in page
    assert "pip install" not in page
    with pytest.raises(BadInput, match="nothing to draw"):
        await made(organisation, "png", "2026-03")


def test_the_check_tells_of_a_goal_that_may_not_be_shown(organisation: Organisation) -> None:
    organisation.write({"schedules/goals.yaml": GOALS.replace("MEASURE", "managers")})
    [problem] = [each for each in check_files(organisation.settings) if each.file == "goals.yaml"]
    assert (problem.line, problem.reason) == (5, "the measure “managers” may not be shown in a goal")
    assert "managers_posting_share" in problem.mend
