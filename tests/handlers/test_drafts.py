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
from bot.core.ports import Draft, Writer
from handlers import drafts
from handlers.drafts import KeptDraft
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
            raise WriterUnavailable("away")
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
    assert drafts.tame(text).strip() == expected


_PIECES = ["[a]", "[a", "](", "mention:", "m&#101;ntion:", "mention\\:", "channel:U1", ")", "<", ">", "![", "]: ", "\n"]
_PIECES += ["[a]:", "[a][a]", "https://x.y", "<b>", "\\", "x", " ", '"t"', "(", "\n\n", "`", "<a href='mention:x'>"]


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_no_text_of_a_model_makes_a_mention_a_picture_or_html(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(drafts.tame(text))
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
        (
            "2027-03-28 02:30",
            datetime(2027, 3, 28, 1, 0, tzinfo=UTC),
        ),  # Skipped by the clocks: 03:00, the next there is.
        ("2026-13-01 10:00", None),
        ("10:00", None),
        ("", None),
    ],
)
def test_moments_are_read_in_the_animators_own_time(text: str, moment: datetime | None) -> None:
    assert drafts.parse_moment(text, MONDAY, "Europe/Paris") == moment


def test_a_form_may_be_typed() -> None:
    typed = "fr: Bonjour\n\nà tous\nen: Hello\ncanal: #general\nquand: maintenant"
    assert drafts.parse_fields(typed) == {
        "fr": "Bonjour\n\nà tous",
        "en": "Hello",
        "channel": "#general",
        "moment": "maintenant",
    }
    assert drafts.parse_fields("nothing of a form") == {}


# Dialogues


async def test_a_draft_is_shown_edited_approved_and_goes_out_at_its_moment(play: Stage, writer: GivenWriter) -> None:
    said = await play.ask(ODILE, "calendrier brouillon notre  hackathon")
    assert writer.themes == ["notre hackathon"]
    for part in ("Brouillon 1", "(given)", "Bonjour **tous**", "Hello **all**"):
        assert part in said
    shown = play.said_in("general")[-1]
    assert shown.visible_to == "odile"
    random = play.channel("random").id
    await play.submit(ODILE, shown, fr="Bonjour à vous", en="Hello you", channel=random, moment="2026-11-24 10:00")
    assert "mardi 24 novembre 2026 à 10:00" in play.said_in("general")[-1].text
    assert "partira" in play.said_in("general")[-1].text
    assert play.said_in("random") == []
    await play.until(datetime(2026, 11, 24, 9, tzinfo=UTC))
    [post] = play.said_in("random")
    assert post.text == "Bonjour à vous\n\n---\n\nHello you"
    assert "pas de brouillon" in await play.ask(ODILE, "calendrier brouillons")


async def test_a_draft_may_be_approved_without_a_form(play: Stage) -> None:
    await play.ask(OSCAR, "calendar draft tea")
    assert "I know no channel" in await play.ask(OSCAR, "calendar approve 1\nchannel: #nowhere\nmoment: now")
    assert "no moment" in await play.ask(OSCAR, "calendar approve 1\nchannel: general\nmoment: soon")
    assert "has passed" in await play.ask(OSCAR, "calendar approve 1\nchannel: general\nmoment: 2020-01-01 10:00")
    assert "needs words" in await play.ask(OSCAR, "calendar approve 1\nfr:\nen:\nchannel: general\nmoment: now")
    await play.ask(OSCAR, "calendar approve 1\nen: Tea?\nfr:\nchannel: #help\nmoment: now")
    assert [post.text for post in play.said_in("help")] == ["Tea?"]


async def test_what_a_model_or_a_person_smuggles_in_is_tamed(play: Stage, writer: GivenWriter) -> None:
    writer.draft_given = Draft(fr="[Ann](mention:ann) <!channel>", en="<b>Hi</b> [Ann](mention:ann)")
    said = await play.ask(OSCAR, "calendar draft tea")
    assert "mention:" not in said
    assert "<" not in said
    await play.ask(OSCAR, "calendar approve 1\nen: Hi [Ann](mention:ann)\nfr:\nchannel: help\nmoment: now")
    assert play.said_in("help")[-1].text == "Hi Ann"


async def test_an_approval_can_be_taken_back_and_a_draft_thrown_away(play: Stage) -> None:
    await play.ask(OSCAR, "calendar draft tea")
    await play.ask(OSCAR, "calendar approve 1\nchannel: help\nmoment: 2026-11-24 10:00")
    approved = play.said_in("general")[-1]
    assert "Tuesday 24 November" in await play.ask(OSCAR, "calendar drafts")
    await play.press(OSCAR, approved, "Undo")
    assert "waits for you" in await play.ask(OSCAR, "calendar drafts")
    await play.ask(OSCAR, "calendar approve 1\nchannel: help\nmoment: 2026-11-24 10:00")
    assert "is gone" in await play.ask(OSCAR, "calendar discard 1")
    await play.wait(timedelta(days=3))
    assert play.said_in("help") == []
    assert "no such draft" in await play.ask(OSCAR, "calendar approve 1")
    assert "Draft 2" in await play.ask(OSCAR, "calendar draft tea")  # A number never means another draft.


async def test_a_draft_approved_for_the_night_says_that_it_waits(play: Stage) -> None:
    await play.ask(ODILE, "calendar draft thé")
    said = await play.ask(ODILE, "calendar approve 1\nchannel: help\nmoment: 2026-11-24 22:00")
    assert "prochaine ouverture" in said
    await play.until(datetime(2026, 11, 25, 7, tzinfo=UTC))
    assert len(play.said_in("help")) == 1


async def test_a_channel_that_went_meanwhile_gives_the_draft_back(play: Stage) -> None:
    await play.ask(OSCAR, "calendar draft tea")
    await play.ask(OSCAR, "calendar approve 1\nchannel: ideas\nmoment: 2026-11-24 10:00")
    play.server.archive_room(play.channel("ideas").id)
    await play.until(datetime(2026, 11, 24, 10, tzinfo=UTC))
    assert "no longer there" in play.told(OSCAR)[-1].text
    kept = await play.allant.store.notes.get(play.workspace, KeptDraft, "1")
    assert kept is not None
    assert kept.due is None


async def test_without_an_answer_of_the_service_the_animator_is_told(play: Stage, writer: GivenWriter) -> None:
    writer.draft_given = None
    assert "n’a pas répondu" in await play.ask(ODILE, "calendrier brouillon thé")
    assert "What should the draft be about" in await play.ask(OSCAR, "calendar draft")
    assert "animator" in await play.ask(ANN, "calendar draft tea")
