"""What goes out is text and entities: nothing anybody wrote becomes markup, a mention, a command or an address."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.community import Channel, Member
from bot.core.message import channel_link, escape, link, mention
from bot.core.refs import ChannelRef, MemberRef, WorkspaceRef
from bot.markdown import MarkdownRenderer
from bot.platforms.telegram.writing import MOST_ENTITIES, MOST_UNITS, Scribe, Text, units

HERE = WorkspaceRef("telegram", "1")
SCRIBE = Scribe(MarkdownRenderer())
JOINER = "\u2060"
HOSTILE = st.text(
    st.one_of(st.sampled_from("@#/.:_*[]()<>`~\\!|&=$ ab1\n\u200b\u202e\u2066\ud83d\U0001f600"), st.characters()),
    max_size=200,
)


def passages(text: Text) -> list[tuple[str, str]]:
    wide = text.text.encode("utf-16-le", "surrogatepass")
    return [
        (span.kind, wide[2 * span.at : 2 * (span.at + span.length)].decode("utf-16-le", "surrogatepass"))
        for span in text.spans
    ]


@settings(max_examples=150, deadline=None)
@given(words=HOSTILE)
def test_what_people_wrote_shows_as_it_is_and_comes_alive_nowhere(words: str) -> None:
    [text] = SCRIBE.texts(f"**She** wrote: {escape(words)} – the end")
    assert passages(text) == [("bold", "She")]
    shown = text.text
    # Telegram itself looks for these in plain text.
    assert not re.search(r"@\w", shown)
    assert not re.search(r"#\w", shown)
    assert not re.search(r"(?<![\w/])/[A-Za-z]", shown)
    assert "://" not in shown
    assert not re.search(r"\w\.(?:com|org|me|fr)\b", shown)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown)
    assert "She wrote:" in shown
    assert shown.endswith("– the end")


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(
            [
                "word ",
                "**bold** ",
                "`code` ",
                "[a](https://x.org) ",
                "\n\n",
                "- item\n",
                "1. one\n",
                "> quote\n",
                "😀" * 50,
                "x" * 900,
            ]
        ),
        max_size=120,
    )
)
def test_every_part_fits_and_nothing_is_lost(parts: list[str]) -> None:
    markdown = "".join(parts)
    whole, cut = SCRIBE.text(markdown), SCRIBE.texts(markdown)
    for each in cut:
        assert units(each.text) <= MOST_UNITS
        assert len(each.spans) <= MOST_ENTITIES
        for span in each.spans:
            assert span.at >= 0
            assert span.at + span.length <= units(each.text)
            assert span.length > 0
    assert "".join("".join(each.text for each in cut).split()) == "".join(whole.text.split())
    assert sum(len(each.spans) for each in cut) >= len(whole.spans)


def test_a_long_text_is_cut_at_a_paragraph() -> None:
    paragraph = "a sentence of this paragraph. " * 30
    cut = SCRIBE.texts("\n\n".join([paragraph] * 12))
    assert len(cut) > 1
    assert all(each.text.endswith("paragraph.") for each in cut)


@pytest.mark.parametrize(
    ("markdown", "text", "found"),
    [
        ("# Title\n\nA **bold** and *fine* `word`", "Title\n\nA bold and fine word", "bold bold italic code"),
        ("- one\n- two\n  1. deep\n  2. deeper\n\nafter", "• one\n• two\n  1. deep\n  2. deeper\n\nafter", ""),
        ("> wise\n> words", "wise\nwords", "blockquote"),
        ("```py\nx = 1\ny = 2\n```\n\nafter", "x = 1\ny = 2\n\nafter", "pre"),
        ("3. three\n4. four", "3. three\n4. four", ""),
        ("one  \ntwo\nthree", "one\ntwo\nthree", ""),
        ("[text](https://example.org/a?b=c)", "text", "text_link"),
        ("[bad](javascript:alert\\(1\\)) [worse](tg://user?id=7)", "bad worse", ""),
        ("<b>no</b> &amp; &lt;", "<b>no</b> & <", ""),
        ("above\n\n---\n\nbelow", "above\n\n———\n\nbelow", ""),
        ("Try `/allant calendar next`, or /allant faq", "Try /calendar next, or /faq", "code"),
    ],
)
def test_markdown_as_telegram_shows_it(markdown: str, text: str, found: str) -> None:
    written = SCRIBE.text(markdown)
    assert written.text == text
    assert sorted(span.kind for span in written.spans) == sorted(found.split())


def test_people_and_channels_are_named_by_entities() -> None:
    ada = Member(MemberRef(HERE, "17"), "Ada [b] @c")
    group = Channel(ChannelRef(HERE, "-1001234:5"), "Groupe")
    written = SCRIBE.text(f"Hi {mention(ada)}, see {channel_link(group)} and {link('this', 'https://example.org')}")
    kinds = {(span.kind, span.of) for span in written.spans}
    assert kinds == {
        ("text_mention", "17"),
        ("text_link", "https://t.me/c/1234/5"),
        ("text_link", "https://example.org"),
    }
    assert written.text.replace(JOINER, "") == "Hi Ada [b] @c, see #Groupe and this"


def test_a_picture_is_shown_above_the_words() -> None:
    [text] = SCRIBE.texts("![Our badge](https://example.org/badge.png)\n\nThis is how it looks.")
    assert text.picture == "https://example.org/badge.png"
    assert SCRIBE.texts(escape("![x](https://example.org/badge.png)"))[0].picture == ""
