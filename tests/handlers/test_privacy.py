"""Privacy: what is known, exported, erased, silenced; and the list of who is who."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.platforms.playground import Person, Post
from handlers import privacy
from tests.handlers.stage import ANN, BEN, CHLOE, MONDAY, Stage, stage

NORA = Person(id="nora", name="Nora", language="fr")


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}) as playing:
        yield playing


def _exported(post: Post) -> str:
    """The JSON in an export's file."""
    [file] = post.files
    return file.text


# Decisions


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2w", timedelta(weeks=2)),
        ("2s", timedelta(weeks=2)),
        ("3 jours", timedelta(days=3)),
        ("10 days", timedelta(days=10)),
        ("6h", timedelta(hours=6)),
        ("1 mois", timedelta(days=30)),
        ("0d", None),
        ("9999w", None),
        ("soon", None),
        ("", None),
        ("-2w", None),
    ],
)
def test_spans_are_read_in_both_languages(text: str, span: timedelta | None) -> None:
    assert privacy.parse_span(text) == span


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-20", date(2026, 12, 20)),
        ("20/12/2026", date(2026, 12, 20)),
        ("2026-02-30", None),
        ("12/20/2026", None),
        ("tomorrow", None),
    ],
)
def test_days_are_read_in_both_writings(text: str, day: date | None) -> None:
    assert privacy.parse_day(text) == day


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-12-20", "Europe/Paris", datetime(2026, 12, 19, 23, tzinfo=UTC)),
        ("2026-12-20", "America/New_York", datetime(2026, 12, 20, 5, tzinfo=UTC)),
        ("2w", "Europe/Paris", datetime(2026, 12, 6, 23, tzinfo=UTC)),
        ("2027-04-01", "Europe/Paris", datetime(2027, 3, 31, 22, tzinfo=UTC)),  # In summer time by then.
        ("2026-11-23", "Europe/Paris", None),  # Today has begun.
        ("2020-01-01", "Europe/Paris", None),
        ("9999-12-31", "Pacific/Kiritimati", None),
    ],
)
def test_the_return_is_the_beginning_of_the_day_in_ones_own_zone(text: str, zone: str, moment: datetime | None) -> None:
    assert privacy.back_at(text, MONDAY, zone) == moment


def test_an_export_is_cut_into_parts_that_make_one_json_again() -> None:
    known = {"notes": [{"key": f"key-{number}", "value": "é" * 40} for number in range(200)]}
    parts = privacy.export_parts(known, size=1000)
    assert len(parts) > 10
    assert all(len(part) < 1100 for part in parts)
    lines = [line for part in parts for line in part.split("\n")[1:-1]]
    assert json.loads("\n".join(lines)) == known


def test_a_name_cannot_break_out_of_the_export() -> None:
    [part] = privacy.export_parts({"name": "```` [x](mention:U1)"})
    assert part.startswith("`````json\n")
    assert part.endswith("\n`````")


# Dialogues


async def test_what_is_known_is_said_in_words_in_ones_own_language(play: Stage) -> None:
    await play.say(ANN, "general", "The secret word is rhubarb.")
    said = await play.ask(ANN, "me")
    for part in ("Name: Ann", "Language: English", "Europe", "Role: member", "1 message"):
        assert part in said
    assert "rhubarb" not in said
    said = await play.ask(CHLOE, "moi")
    for part in ("Ce que je sais de vous", "Nom : Chloé", "Langue : français", "jamais ce qui a été dit"):
        assert part in said
    labels = [button.label for button in play.said_in("general")[-1].buttons]
    assert labels == ["Exporter", "Silence", "Speak English", "M’oublier"]
    assert play.said_in("general")[-1].visible_to == "chloe"


async def test_an_export_goes_to_the_person_alone_and_holds_everything(play: Stage) -> None:
    await play.arrive(NORA)
    assert "message direct" in await play.ask(NORA, "moi exporter")
    [*_, post] = play.told(NORA)
    known = json.loads(_exported(post))
    assert known["member"]["name"] == "Nora"
    assert known["counts"]["journey_started"] == 1
    assert {note["kind"] for note in known["notes"]} >= {"welcome.Journey"}
    assert not any("mention" in said.text for said in play.said_in("general"))
    await play.tell(NORA, "/allant me export")  # Asked in the direct conversation, it is answered there.
    assert "Nora" in _exported(play.told(NORA)[-1])


async def test_forgetting_asks_first_and_leaves_nothing(play: Stage) -> None:
    await play.arrive(NORA)
    await play.wait(timedelta(minutes=11))
    await play.say(NORA, "general", "Hello")
    await play.tell(NORA, "/allant moi oublier")
    asking = play.told(NORA)[-1]
    assert "sans retour" in asking.text
    assert (await play.allant.store.notes.about(play.member("nora")))["member"] is not None
    await play.press(NORA, asking, "Oui, m’oublier")
    assert "tout effacé" in play.told(NORA)[-1].text
    known = dict(await play.allant.store.notes.about(play.member("nora")))
    assert known.pop("forgotten") is True
    assert not any(known.values())
    await play.say(NORA, "general", "Still here")
    await play.wait(timedelta(days=20))
    known = dict(await play.allant.store.notes.about(play.member("nora")))
    assert known.pop("forgotten") is True
    assert not any(known.values())
    assert "erased" not in await play.ask(NORA, "me")
    assert "I have forgotten you" in play.said_in("general")[-1].text


async def test_who_does_not_confirm_is_not_forgotten(play: Stage) -> None:
    await play.ask(ANN, "me forget")
    await play.press(ANN, play.said_in("general")[-1], "No, keep it")
    assert "Name: Ann" in play.said_in("general")[-1].text


async def test_mute_silences_and_unmute_lets_speak(play: Stage) -> None:
    await play.arrive(NORA)
    said = await play.ask(NORA, "moi silence 2s")
    assert "lundi 7 décembre 2026" in said
    assert "Je réponds toujours" in said
    await play.wait(timedelta(days=8))
    assert len(play.told(NORA)) == 1  # The welcome of the first day, before.
    assert "Nom : Nora" in await play.ask(NORA, "moi")
    await play.press(NORA, play.said_in("general")[-1], "Lever le silence")
    member = await play.allant.store.members.get(play.member("nora"))
    assert member is not None
    assert member.muted_until is None


async def test_mute_without_an_end(play: Stage) -> None:
    assert "until you tell me otherwise" in await play.ask(ANN, "me mute forever")
    assert "until you tell me otherwise" in await play.ask(ANN, "me")
    assert "until Monday 7 December 2026" in await play.ask(ANN, "me mute")
    assert "no span of time" in await play.ask(ANN, "me mute whenever")


async def test_the_language_is_ones_own_choice_and_stays(play: Stage) -> None:
    assert "Je vous parle français désormais" in await play.ask(ANN, "me language fr")
    play.server.change_person(replace(ANN, name="Anne"))
    await play.settle()
    assert "Nom : Anne" in await play.ask(ANN, "me")
    await play.press(ANN, play.said_in("general")[-1], "Speak English")
    assert "I speak English" in play.said_in("general")[-1].text
    await play.ask(ANN, "me language klingon")
    assert [button.command for button in play.said_in("general")[-1].buttons] == ["me language fr", "me language en"]


async def test_an_absence_is_noted_shown_and_ended(play: Stage) -> None:
    assert "dimanche 20 décembre 2026" in await play.ask(CHLOE, "moi absence 20/12/2026")
    noted = play.said_in("general")[-1]
    assert "retour le dimanche 20 décembre 2026" in await play.ask(CHLOE, "moi")
    await play.press(CHLOE, noted, "De retour")
    assert "Bon retour" in play.said_in("general")[-1].text
    assert "Absence" not in await play.ask(CHLOE, "moi")
    assert "Until when are you away?" in await play.ask(BEN, "me away")
    for wrong in ("2020-01-01", "never"):
        assert "no day to come" in await play.ask(BEN, f"me away {wrong}")


# The list of who is who


async def test_who_joins_changes_and_leaves_is_written_down(play: Stage) -> None:
    members = play.allant.store.members
    await play.arrive(NORA)
    nora = await members.get(play.member("nora"))
    assert nora is not None
    assert (nora.name, nora.active, nora.joined_at) == ("Nora", True, MONDAY)
    play.server.change_person(replace(NORA, name="Nora B.", zone="Europe/London", joined_at=MONDAY))
    await play.settle()
    nora = await members.get(play.member("nora"))
    assert nora is not None
    assert (nora.name, nora.zone) == ("Nora B.", "Europe/London")
    play.server.leave("nora")
    await play.settle()
    nora = await members.get(play.member("nora"))
    assert nora is not None
    assert not nora.active


async def test_a_new_channel_is_known_at_once(play: Stage) -> None:
    play.server.create_room("gardening", {"en": "x", "fr": "x"})
    await play.settle()
    channels = await play.allant.store.channels.all(play.workspace)
    assert "gardening" in [channel.name for channel in channels]


async def test_a_name_full_of_markup_is_shown_as_it_is(play: Stage) -> None:
    await play.arrive(replace(NORA, name="**[Odile](mention:odile)**"))
    said = await play.ask(NORA, "me")
    assert "](mention:odile)" not in said
    assert "Odile" in said
