"""Admission: who asks to join reads the charter, accepts it, and is let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.telegram_house import buttons, house, words
from tests.wire.telegram_server import BotApi

BY_CHARTER = {"admission.yaml": "admission: {channels: [general]}"}


@pytest.mark.parametrize(
    ("language", "charter", "accept", "thanks"),
    [("en", "Do you accept this charter?", "I accept", "Thank you"), ("fr", "Acceptez-vous", "J’accepte", "Merci")],
)
async def test_the_charter_is_accepted_and_the_door_opens(
    tmp_path: Path, language: str, charter: str, accept: str, thanks: str
) -> None:
    async with BotApi().serving() as api, house(tmp_path, api, schedules=BY_CHARTER) as play:
        room = api.group("general")
        await api.admit_bot(room, api.user("Nora"))
        ida = api.user("Ida", language=language)
        await api.ask_to_join(room, ida)
        await play.settle()
        asked = play.heard(ida)
        assert charter in words(asked)
        assert ida not in room.members
        await play.press(asked[-1], ida, accept)
        assert thanks in words(play.heard(ida))
        assert room.members[ida] == "member"
        # A second press finds nothing to accept, and lets nobody in twice.
        await play.press(asked[-1], ida, accept)
        assert api.methods().count("approveChatJoinRequest") == 1


async def test_whoever_declines_stays_outside_and_people_may_decide(tmp_path: Path) -> None:
    async with BotApi().serving() as api, house(tmp_path, api, schedules=BY_CHARTER) as play:
        room = api.group("general")
        await api.admit_bot(room, api.user("Nora"))
        ida = api.user("Ida")
        await api.ask_to_join(room, ida)
        await play.settle()
        asked = play.heard(ida)[-1]
        assert buttons(asked) == ["I accept", "Not now"]
        await play.press(asked, ida, "Not now")
        assert "stays open" in words(play.heard(ida))
        assert ida in api.requests[room.id]


async def test_without_a_rule_requests_are_left_to_people(tmp_path: Path) -> None:
    async with BotApi().serving() as api, house(tmp_path, api, schedules={}) as play:
        room = api.group("general")
        await api.admit_bot(room, api.user("Nora"))
        ida = api.user("Ida")
        await api.ask_to_join(room, ida)
        await play.settle()
        assert play.heard(ida) == []
        assert ida in api.requests[room.id]


async def test_where_the_rule_says_so_everybody_who_asks_is_let_in(tmp_path: Path) -> None:
    rule = {"admission.yaml": 'admission: {channels: ["*"], let_in: at_once}'}
    async with BotApi().serving() as api, house(tmp_path, api, schedules=rule) as play:
        room = api.group("general")
        await api.admit_bot(room, api.user("Nora"))
        ida = api.user("Ida")
        await api.ask_to_join(room, ida)
        await play.settle()
        assert room.members[ida] == "member"


async def test_nobody_accepts_for_somebody_else(tmp_path: Path) -> None:
    async with BotApi().serving() as api, house(tmp_path, api, schedules=BY_CHARTER) as play:
        room = api.group("general")
        await api.admit_bot(room, api.user("Nora"))
        eve = api.user("Eve")
        await api.start(eve)
        await play.settle()
        play.heard(eve)
        told = await play.tell(eve, f"/admission accept {room.id}")
        assert "no request of yours" in words(told)
        assert "approveChatJoinRequest" not in api.methods()
