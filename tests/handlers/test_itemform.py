"""The form of an item as people fill it in: picks, what is wrong at each field, what it will look like, what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.calendar import Item
from bot.core.editorial import Status
from bot.core.forms import listed, several
from bot.core.itempicks import LOCAL, WEEKDAYS, Wrong, picks_of, read_picks
from bot.core.message import Form
from bot.files import Located
from bot.platforms.playground import Person, Post
from bot.timetable.items import read_items
from tests.handlers.stage import MONDAY, ODILE, OSCAR, PEOPLE, Stage, stage

LOU = Person(id="lou", name="Lou", language="en", zone="America/New_York", animator=True)
WORDS = {"fr": "Un thé ?", "en": "Tea?"}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, LOU), schedules={}) as playing:
        yield playing


async def opened(play: Stage, person: Person, command: str) -> Post:
    await play.ask(person, command)
    return latest(play)


def latest(play: Stage) -> Post:
    return play.said_in("general")[-1]


def form_of(post: Post) -> Form:
    assert post.form is not None, post.text
    return post.form


def form_or_none(post: Post) -> Form | None:
    return post.form


def held(post: Post) -> dict[str, str]:
    return {field.name: field.value for field in form_of(post).fields}


def wrong(post: Post) -> dict[str, str]:
    return {field.name: field.error for field in form_of(post).fields if field.error}


async def status(play: Stage, item: str) -> Status | None:
    kept = await play.allant.store.items.get(play.workspace, item)
    return kept.status if kept is not None else None


async def fill(play: Stage, person: Person, post: Post, button: str = "", **values: str) -> Post:
    """The person changes these fields and sends the form, or presses its button; the answer."""
    labels = [each.label for each in form_of(post).buttons]
    number = labels.index(button) if button else None
    play.server.submit(person.id, post.id, held(post) | values, number)
    await play.settle()
    return latest(play)


async def test_a_post_is_planned_with_pickers_alone(play: Stage) -> None:
    form = await opened(play, OSCAR, "calendar add")
    saved = await fill(play, OSCAR, form, to="#random, tag:social", day="2026-11-27", time="15:00", **WORDS)
    assert "**tea** →".replace("*", "") in saved.text.replace("*", "")
    assert "27 November 2026, 15:00 (CET)" in saved.text
    kept = await play.allant.store.items.get(play.workspace, "tea")
    assert kept is not None
    assert (kept.status, kept.item.to) == (Status.APPROVED, ("#random", "tag:social"))
    await play.until(datetime(2026, 11, 27, 14, 0, tzinfo=UTC))
    assert "Un thé ?" in play.said_in("random")[-1].text


@pytest.mark.parametrize(
    ("picked", "first", "second"),
    [
        ({"repeat": "daily", "time": "15:00"}, "Monday 23 November 2026, 15:00", "Tuesday 24 November 2026, 15:00"),
        ({"repeat": "workdays", "time": "09:00"}, "Tuesday 24 November", "Wednesday 25 November"),
        ({"repeat": "weekly", "days": "friday, tuesday", "time": "8h30"}, "Tuesday 24 Nov", "Friday 27 November"),
        ({"repeat": "weekly", "day": "2026-12-03", "time": "10:00"}, "Thursday 3 December", "Thursday 10 December"),
        ({"repeat": "monthly", "day": "2026-12-15", "time": "10:00"}, "Tuesday 15 December", "Friday 15 January"),
        ({"repeat": "other", "when": "month on the first monday 10:00"}, "Monday 7 December", "Monday 4 January"),
    ],
)
async def test_each_rhythm_is_previewed_in_words(play: Stage, picked: dict[str, str], first: str, second: str) -> None:
    form = await opened(play, OSCAR, "calendar add tea")
    again = await fill(play, OSCAR, form, "Preview", to="#general", **WORDS, **picked)
    preview = form_of(again).preview
    assert first in preview
    assert second in preview
    assert await play.allant.store.items.get(play.workspace, "tea") is None
    saved = await fill(play, OSCAR, again)
    assert saved.form is None
    edited = await opened(play, OSCAR, "calendar edit tea")
    assert held(edited)["repeat"] == picked["repeat"]
    assert "is approved" in (await fill(play, OSCAR, edited)).text
    assert (await play.allant.store.items.get(play.workspace, "tea")).version == 2  # type: ignore[union-attr]


async def test_a_preview_shows_both_languages_and_keeps_what_was_filled_in(play: Stage) -> None:
    form = await opened(play, ODILE, "calendrier ajouter thé-ou-café".replace("é", "e"))
    again = await fill(
        play, ODILE, form, "Aperçu", to="#random", day="2026-11-27", time="15:00", fr="Un **thé** ?", en=""
    )
    preview = form_of(again).preview
    assert "vendredi 27 novembre 2026 à 15:00" in preview
    assert "*En français :*\n\nUn **thé** ?" in preview
    assert "*En anglais : aucun texte. Tout le monde lit l’autre.*" in preview
    assert held(again)["fr"] == "Un **thé** ?"
    assert "Rien n’est encore enregistré" in again.text
    nowhere = await fill(play, ODILE, again, "Aperçu", to="#nowhere")
    assert "nowhere" in form_of(nowhere).preview


async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(play: Stage) -> None:
    form = await opened(play, OSCAR, "calendar add")
    again = await fill(play, OSCAR, form, id="Tea Time", to="#random", en="A very long text")
    assert set(wrong(again)) == {"id"}
    assert held(again)["en"] == "A very long text"
    again = await fill(play, OSCAR, again, id="tea", en="")
    assert set(wrong(again)) == {"day", "fr"}
    again = await fill(play, OSCAR, again, to="@everybody", day="2026-11-27", time="15:00", **WORDS)
    assert set(wrong(again)) == {"to"}
    assert "such as" in wrong(again)["to"] or "for example" in wrong(again)["to"]
    again = await fill(play, OSCAR, again, to="#random", day="2026-11-20")
    assert wrong(again) == {"day": "That moment has passed."}
    again = await fill(play, OSCAR, again, day="2026-11-27", time="25:00")
    assert set(wrong(again)) == {"time"}
    again = await fill(play, OSCAR, again, repeat="weekly", day="", time="15:00")
    assert wrong(again) == {"days": "Tick the days of the week."}
    again = await fill(play, OSCAR, again, days="friday", when="monday 09:30")
    assert set(wrong(again)) == {"when"}
    again = await fill(play, OSCAR, again, when="until: someday")
    assert set(wrong(again)) == {"when"}
    assert "is approved" in (await fill(play, OSCAR, again, when="until: 2027-06-30\nexcept: 2026-12-25")).text
    edited = await opened(play, OSCAR, "calendar edit tea")
    assert (held(edited)["repeat"], held(edited)["days"]) == ("weekly", "friday")
    assert held(edited)["when"] == "until: 2027-06-30\nexcept: 2026-12-25"


async def test_errors_are_said_in_ones_language(play: Stage) -> None:
    form = await opened(play, ODILE, "calendrier ajouter")
    again = await fill(play, ODILE, form, to="@everybody", when="lune 10:00", **WORDS)
    assert wrong(again)["when"].startswith("Je ne comprends pas quand.")
    again = await fill(play, ODILE, again, when="lundi 10:00")
    assert wrong(again)["to"].startswith("Je ne connais pas un de ces lieux.")
    assert "est approuvé" in (await fill(play, ODILE, again, to="@responsables")).text


async def test_the_picked_time_is_ones_own(play: Stage) -> None:
    form = await opened(play, LOU, "calendar add tea")
    assert held(form)["clock"] == "America/New_York"
    saved = await fill(play, LOU, form, to="#random", day="2026-11-27", time="09:00", **WORDS)
    assert "27 November 2026, 09:00 (EST)" in saved.text
    # Whoever has another clock sees it on theirs, and saving it unchanged changes nothing.
    edited = await opened(play, OSCAR, "calendar edit tea")
    assert (held(edited)["day"], held(edited)["time"]) == ("2026-11-27", "15:00")
    assert "27 November 2026, 15:00 (CET)" in (await fill(play, OSCAR, edited)).text
    picked = {"repeat": "weekly", "days": "friday", "time": "15:00", "clock": LOCAL}
    await fill(play, LOU, await opened(play, LOU, "calendar add cake"), to="#random", **picked, **WORDS)
    kept = await play.allant.store.items.get(play.workspace, "cake")
    assert kept is not None
    assert kept.item.zone == ""


async def test_a_channel_picked_by_its_id_or_by_a_link_is_the_channel(play: Stage) -> None:
    form = await opened(play, OSCAR, "calendar add tea")
    where = "#C-random, [#general](channel:C-general), #help"
    await fill(play, OSCAR, form, to=where, day="2026-11-27", time="15:00", **WORDS)
    kept = await play.allant.store.items.get(play.workspace, "tea")
    assert kept is not None
    assert kept.item.to == ("#random", "#general", "#help")
    edited = form_of(await opened(play, OSCAR, "calendar edit tea"))
    to = next(field for field in edited.fields if field.name == "to")
    assert to.kind == "channels"
    assert dict(to.named) == {"#random": "C-random", "#general": "C-general", "#help": "C-help"}
    assert "tag:social" in dict(to.choices)
    assert "@managers" in dict(to.choices)


async def test_a_form_overtaken_by_somebody_elses_change_keeps_what_one_wrote(play: Stage) -> None:
    await fill(play, OSCAR, await opened(play, OSCAR, "calendar add tea"), to="#random", when="friday 15:00", **WORDS)
    mine = await opened(play, OSCAR, "calendar edit tea")
    theirs = await opened(play, ODILE, "calendar edit tea")
    await fill(play, ODILE, theirs, en="Coffee?")
    again = await fill(play, OSCAR, mine, en="Chocolate?")
    assert "while your form was open" in again.text
    assert "while your form was open" in form_of(again).text
    assert held(again)["en"] == "Chocolate?"
    assert "is approved" in (await fill(play, OSCAR, again)).text
    await play.ask(ODILE, "calendar delete tea confirm")
    gone = await fill(play, OSCAR, again, en="Water?")
    assert "was deleted meanwhile" in gone.text
    assert "is approved" in (await fill(play, OSCAR, gone)).text


async def test_typed_lines_get_the_form_back_as_well(play: Stage) -> None:
    """Where a platform has no forms, the answer to a wrong command is the command to send again, with the values."""
    await play.ask(OSCAR, "calendar write tea\nwhen: moonday 10:00\nto: #random\nen: Tea?")
    assert held(latest(play))["when"] == "moonday 10:00"
    assert set(wrong(latest(play))) == {"when"}
    typed = "\n".join(f"{name}: {value}" for name, value in (held(latest(play)) | {"when": "lundi 10:00"}).items())
    assert "is approved" in await play.ask(OSCAR, f"calendar write tea\n{typed}")
    # So it is where the command has nothing on its own line.
    lines = "to: #random\nquand: vendredi 15:00\nfr: Du gâteau"
    assert "est approuvé" in await play.ask(ODILE, f"calendrier ajouter\n{lines}\npuis: approuver")
    assert "est approuvé" in await play.ask(ODILE, f"calendar write\nid: biscuits\n{lines}\nthen: approve")
    assert await status(play, "biscuits") is Status.APPROVED
    assert await status(play, "du-gateau") is Status.APPROVED


async def test_delete_asks_once_and_undo_brings_it_back(play: Stage) -> None:
    await fill(play, OSCAR, await opened(play, OSCAR, "calendar add tea"), to="#random", when="friday 15:00", **WORDS)
    asked = await opened(play, OSCAR, "calendar delete tea")
    assert "Delete" in asked.text
    await play.press(OSCAR, asked, "Delete")
    assert "is deleted" in latest(play).text
    assert await play.allant.store.items.get(play.workspace, "tea") is None
    assert "is taken back" in await play.ask(OSCAR, "undo")
    assert await play.allant.store.items.get(play.workspace, "tea") is not None
    assert "n’avez rien modifié" in await play.ask(ODILE, "annuler")
    assert "Supprimer" in await play.ask(ODILE, "calendrier supprimer tea")


async def test_a_move_is_picked_and_what_is_wrong_stands_at_it(play: Stage) -> None:
    await fill(play, OSCAR, await opened(play, OSCAR, "calendar add tea"), to="#random", when="friday 15:00", **WORDS)
    form = await opened(play, OSCAR, "calendar move tea")
    assert [(each.kind, each.value) for each in form_of(form).fields] == [("moment", "2026-11-27 15:00")]
    again = await fill(play, OSCAR, form, moment="2026-11-20 15:00")
    assert set(wrong(again)) == {"moment"}
    assert held(again)["moment"] == "2026-11-20 15:00"
    assert "goes out on Thursday 26" in (await fill(play, OSCAR, again, moment="2026-11-26 10:00")).text


async def test_which_item_is_asked_with_a_form(play: Stage) -> None:
    assert form_or_none(await opened(play, OSCAR, "calendar move")) is None  # There is none.
    await fill(play, OSCAR, await opened(play, OSCAR, "calendar add tea"), to="#random", when="friday 15:00", **WORDS)
    chooser = await opened(play, ODILE, "calendrier déplacer")
    assert "tea" in dict(form_of(chooser).fields[0].choices)
    move = await fill(play, ODILE, chooser, item="tea")
    assert form_of(move).fields[0].kind == "moment"
    assert form_of(await fill(play, OSCAR, await opened(play, OSCAR, "calendar edit"), item="tea")).command
    asked = await fill(play, OSCAR, await opened(play, OSCAR, "calendar delete"), item="tea")
    assert "Delete" in asked.text
    assert "Delete" in (await opened(play, OSCAR, "calendar delete\nitem: tea")).text
    copy = await fill(play, OSCAR, await opened(play, OSCAR, "calendar duplicate"), item="tea")
    assert await status(play, "tea-2") is Status.DRAFT
    assert held(copy)["repeat"] == "weekly"


# Pure decisions


@settings(max_examples=60)
@given(st.lists(st.text("abc #@:-", min_size=1), max_size=6))
def test_several_values_survive_being_one_text(values: list[str]) -> None:
    clean = list(dict.fromkeys(" ".join(each.split()) for each in values if each.strip()))
    assert several(listed(clean)) == clean


@settings(max_examples=60)
@given(
    repeat=st.sampled_from(["once", "daily", "workdays", "weekly", "monthly"]),
    day=st.dates(date(2026, 11, 25), date(2030, 12, 31)),
    at=st.times(),
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Tokyo"]),
)
def test_what_is_picked_is_shown_picked_again(repeat: str, day: date, at: time, days: set[str], zone: str) -> None:
    """Opening a saved form and saving it unchanged means the same moments, whatever was picked."""
    picked = {"repeat": repeat, "day": f"{day}", "time": f"{at:%H:%M}", "clock": zone}
    if repeat == "weekly":
        picked["days"] = listed(sorted(days, key=WEEKDAYS.index))
    if repeat == "monthly" and day.day > 28:
        with pytest.raises(Wrong):
            read_picks(picked, MONDAY, zone)
        return
    first = read_item(read_picks(picked, MONDAY, zone))
    shown = picks_of(first, zone)
    if days != set(WEEKDAYS[:5]):  # Monday to Friday is every working day.
        assert shown["repeat"] == repeat
    assert shown["time"] == picked["time"]
    again = read_item(read_picks(shown, MONDAY, zone))
    assert (again.when.rrule, again.when.once, again.when.at) == (first.when.rrule, first.when.once, first.when.at)
    assert again.zone == first.zone


def read_item(written: dict[str, object]) -> Item:
    read = read_items(Located("", {"items": [{"id": "tea", "to": ["#random"], "words": {"en": "Tea"}, **written}]}))
    assert read.problems == ()
    return read.items[0]
