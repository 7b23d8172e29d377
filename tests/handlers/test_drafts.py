"""Drafts: proposed by the writing service, tamed, edited and approved by an animator, and only then posted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.core.errors import WriterUnavailable
from bot.core.itemform import NAMES
from bot.core.ports import Draft, Writer
from bot.core.written import parse_fields, parse_moment, tame
from tests.handlers.stage import ANN, MONDAY, ODILE, OSCAR, Stage, stage


class GivenWriter(Writer):
    """Writes what it was given, or is away."""

    def __init__(self) -> None:
        self.draft_given: Draft | None = Draft(fr="Bonjour **tous**", en="Hello **all**")
        self.themes: list[str] = []

    @property
    def name(self) -> str:
        return "given"

    async def draft(self, theme: str) -> Draft:
        self.themes.append(theme)
        if self.draft_given is None:
            raise WriterUnavailable("too slow", key="writer.slow")
        return self.draft_given


@pytest.fixture
async def writer() -> GivenWriter:
    return GivenWriter()


@pytest.fixture
async def play(tmp_path: Path, writer: GivenWriter) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}, writer=writer) as playing:
        yield playing


# Decisions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Bold**, _soft_ and `code`", "**Bold**, _soft_ and `code`"),
        ("[site](https://example.org/a?b=1)", "[site](https://example.org/a?b=1)"),
        ("[mail](mailto:a@example.org)", "[mail](mailto:a@example.org)"),
        ("Hello [Ann](mention:ann)!", "Hello Ann!"),
        ("in [#general](channel:C1)", "in #general"),
        ("in <channel:C1>", "in C1"),
        ("see <https://example.org>", "see <https://example.org>"),
        ("![pic](https://example.org/a.png)", "[pic](https://example.org/a.png)"),
        ("<b>bold</b> <script>alert(1)</script>", "bold alert(1)"),
        ("<<b>script>alert(1)", "alert(1)"),
        ("<!channel> hello", "hello"),
        ("[x](javascript:alert(1))", "[x\\](javascript:alert(1))"),
    ],
)
def test_a_models_text_keeps_plain_markdown_only(text: str, expected: str) -> None:
    assert tame(text).strip() == expected


_PIECES = ["[a]", "[a", "](", "mention:", "m&#101;ntion:", "mention\\:", "channel:U1", ")", "<", ">", "![", "]: ", "\n"]
_PIECES += ["[a]:", "[a][a]", "https://x.y", "<b>", "\\", "x", " ", '"t"', "(", "\n\n", "`", "<a href='mention:x'>"]


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_no_text_of_a_model_makes_a_mention_a_picture_or_html(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(tame(text))
    for token in [inner for each in tokens for inner in [each, *(each.children or [])]]:
        assert token.type not in ("html_block", "html_inline", "image")
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(("https://", "http://", "mailto:"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", MONDAY),
        (" Maintenant ", MONDAY),
        ("2026-12-01 10:00", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2026-12-01T10:00", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2027-07-01 10h00", datetime(2027, 7, 1, 8, tzinfo=UTC)),
        ("01/12/2026 10:00", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("01/12/2026 à 10h00", datetime(2026, 12, 1, 9, tzinfo=UTC)),
        ("2027-03-28 02:30", datetime(2027, 3, 28, 1, tzinfo=UTC)),  # Skipped by the clocks: 03:00.
        ("2026-13-01 10:00", None),
        ("10:00", None),
        ("", None),
    ],
)
def test_moments_are_read_in_the_animators_own_time(text: str, moment: datetime | None) -> None:
    assert parse_moment(text, MONDAY, "Europe/Paris") == moment


def test_a_form_may_be_typed() -> None:
    typed = "fr: Bonjour\n\nà tous\nen: Hello\ncanal: #general\nquand: maintenant\nuntil: 2027-01-01"
    assert parse_fields(typed, NAMES) == {
        "fr": "Bonjour\n\nà tous",
        "en": "Hello",
        "to": "#general",
        "when": "maintenant\nuntil: 2027-01-01",
    }
    assert parse_fields("nothing of a form", NAMES) == {}


# Dialogues


async def test_a_draft_is_shown_edited_approved_and_goes_out_at_its_moment(play: Stage, writer: GivenWriter) -> None:
    said = (await play.ask(ODILE, "calendrier brouillon notre  hackathon")).replace("\\", "")
    assert writer.themes == ["notre hackathon"]
    for part in ("**draft-1** (rédigé par given)", "Bonjour **tous**", "Hello **all**", "sans approbation"):
        assert part in said
    shown = play.said_in("general")[-1]
    assert shown.visible_to == "odile"
    values = {"fr": "Bonjour à vous", "en": "Hello you", "to": "#random", "when": "2026-11-24 10:00"}
    await play.submit(ODILE, shown, **values, then="approve")
    assert "mardi 24 novembre 2026 à 10:00" in play.said_in("general")[-1].text
    assert "est approuvé" in play.said_in("general")[-1].text
    assert play.said_in("random") == []
    await play.until(datetime(2026, 11, 24, 9, tzinfo=UTC))
    [post] = play.said_in("random")
    assert post.text == "Bonjour à vous\n\n---\n\nHello you"
    assert "Aucun élément" in await play.ask(ODILE, "calendrier brouillons")


async def test_a_draft_may_be_approved_without_a_form(play: Stage) -> None:
    await play.ask(OSCAR, "calendar draft tea")
    assert "where and when" in await play.ask(OSCAR, "calendar approve draft-1")
    typed = "calendar write draft-1 1\n"
    assert "there is no channel here" in await play.ask(
        OSCAR, typed + "to: #nowhere\nwhen: 2026-11-24 10:00\nthen: draft"
    )
    typed = "calendar write draft-1 2\n"
    assert "cannot use this" in await play.ask(OSCAR, typed + "to: general\nwhen: soon")
    assert "needs words" in await play.ask(OSCAR, typed + "fr:\nen:\nto: general\nwhen: now")
    assert "while your form was open" in (await play.ask(OSCAR, "calendar write draft-1 1\nto: help")).casefold()
    await play.ask(OSCAR, typed + "en: Tea?\nfr:\nto: #help\nwhen: now\nthen: approve")
    await play.wait(timedelta(minutes=1))
    assert [post.text for post in play.said_in("help")] == ["Tea?"]


async def test_a_draft_is_named_by_its_name(play: Stage) -> None:
    assert "The calendar is empty" in await play.ask(OSCAR, "calendar approve")
    await play.ask(OSCAR, "calendar draft tea")
    assert "Indiquez l’élément" in await play.ask(ODILE, "calendrier supprimer")
    assert "Did you mean" in await play.ask(OSCAR, "calendar delete draft-7")


async def test_who_wrote_the_draft_is_said_in_both_languages(play: Stage, tmp_path: Path) -> None:
    assert "** (rédigé par " in await play.ask(ODILE, "calendrier brouillon thé")
    assert "** (written by " in await play.ask(OSCAR, "calendar draft tea")
    async with stage(tmp_path / "without", schedules={}) as without:
        said = await without.ask(ODILE, "calendrier brouillon thé")
        assert "(d’après un modèle d’Allant, aucun service de rédaction n’étant configuré)" in said
        assert "canned" not in said
        said = await without.ask(OSCAR, "calendar draft tea")
        assert "(from one of Allant’s own templates, as no writing service is configured)" in said


async def test_what_a_model_or_a_person_smuggles_in_is_tamed(play: Stage, writer: GivenWriter) -> None:
    writer.draft_given = Draft(fr="[Ann](mention:ann) <!channel>", en="<b>Hi</b> [Ann](mention:ann)")
    said = await play.ask(OSCAR, "calendar draft tea")
    assert "mention:" not in said
    assert "<" not in said
    words = "en: Hi [Ann](mention:ann)\nfr:\nto: help\nwhen: now\nthen: approve"
    await play.ask(OSCAR, f"calendar write draft-1 1\n{words}")
    await play.wait(timedelta(minutes=1))
    assert play.said_in("help")[-1].text == "Hi Ann"


async def test_a_draft_can_be_thrown_away_and_its_number_never_means_another(play: Stage) -> None:
    await play.ask(OSCAR, "calendar draft tea")
    assert "draft-1" in (await play.ask(OSCAR, "calendar drafts")).replace("\\", "")
    await play.press(OSCAR, play.said_in("general")[-1], "calendar edit draft-1")
    assert "is deleted" in await play.ask(OSCAR, "calendar delete draft-1 confirm")
    assert "No item waits" in await play.ask(OSCAR, "calendar drafts")
    assert "draft-2" in (await play.ask(OSCAR, "calendar draft tea")).replace("\\", "")


async def test_without_an_answer_of_the_service_the_animator_is_told(play: Stage, writer: GivenWriter) -> None:
    writer.draft_given = None
    assert "le service de rédaction a mis trop de temps" in await play.ask(ODILE, "calendrier brouillon thé")
    assert "the writing service took too long" in await play.ask(OSCAR, "calendar draft tea")
    assert "What should the draft be about" in await play.ask(OSCAR, "calendar draft")
    assert "animator" in await play.ask(ANN, "calendar draft tea")
