"""Markdown made into HTML and plain text: what is shown, and what can never get through."""

from __future__ import annotations

import re
import time
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.community import Member
from bot.core.message import escape, link, link_target, mention
from bot.core.refs import MemberRef, WorkspaceRef
from bot.markdown import MarkdownRenderer

RENDERER = MarkdownRenderer()
SAFE_TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "em", "strong", "a", "code"} | {
    "pre",
    "br",
    "hr",
}


def same(address: str) -> str | None:
    return address


def nowhere(address: str) -> str | None:
    return None


class Seen(HTMLParser):
    """The tags, attributes and text a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


HIDDEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def one_line(text: str) -> str:
    """What escaping promises to show."""
    return " ".join(HIDDEN.sub("", text).split())


@given(st.text())
def test_escaped_text_is_shown_exactly_and_without_markup(text: str) -> None:
    inside = RENDERER.html(escape(text), same).removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inside
    assert unescape(inside) == one_line(text)


@given(st.text())
def test_escaped_text_is_shown_exactly_as_plain_text(text: str) -> None:
    assert RENDERER.plain(escape(text), same) == one_line(text)


@given(st.text(alphabet="<>[]()!*_`#-+.:/\\\"'& \n\tabjx0123=~|{}", max_size=80))
def test_any_markdown_gives_only_safe_tags_and_safe_addresses(markdown: str) -> None:
    seen = Seen(RENDERER.html(markdown, same))
    assert set(seen.tags) <= SAFE_TAGS
    for name, value in seen.attributes:
        assert name in {"href", "rel", "start"}
        assert name != "href" or re.match(r"(https?:|mailto:)", value or "")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#10;script:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/relative",
        "ftp://old.example",
    ],
)
def test_other_addresses_leave_their_text_alone(address: str) -> None:
    assert Seen(RENDERER.html(f"[here](<{address}>)", same)).tags == ["p"]
    assert RENDERER.plain(f"[here](<{address}>)", same) == "here"


def test_a_link_function_cannot_be_led_to_run_code() -> None:
    assert "<a" not in RENDERER.html("[x](mention:u1)", lambda address: "javascript:alert(1)")


@given(st.text(min_size=1))
def test_a_mention_reaches_the_link_function_with_its_id(identifier: str) -> None:
    met: list[str] = []

    def remember(address: str) -> str | None:
        met.append(address)
        return "https://matrix.to/#/someone"

    member = Member(MemberRef(WorkspaceRef("matrix", "hs"), identifier), name="Zoé [x](y)")
    html = RENDERER.html(mention(member), remember)
    assert [link_target(address) for address in met] == [("mention", identifier)]
    assert html == '<p><a href="https://matrix.to/#/someone" rel="noopener noreferrer">Zoé [x](y)</a></p>'


@given(st.text(), st.from_regex(r"https://[a-z]{1,9}\.example/[^\s<>]{0,40}", fullmatch=True))
def test_a_link_to_an_untrusted_address_is_one_link_with_its_label(label: str, url: str) -> None:
    seen = Seen(RENDERER.html("see " + link(label + "x", url), same))
    assert seen.tags == ["p", "a"]
    assert [value for name, value in seen.attributes if name == "href" and value and value.startswith("https://")]


def test_html_of_the_forms_we_write() -> None:
    markdown = (
        "## Title\n\nHello **you**, *dear*\nnew line `a < b`\n\n- one\n- two\n\n3. x\n\n> said\n\n---\n\n```\n<b>\n```"
    )
    assert RENDERER.html(markdown, same) == (
        "<h2>Title</h2>\n<p>Hello <strong>you</strong>, <em>dear</em><br>\nnew line <code>a &lt; b</code></p>\n"
        '<ul><li>one</li>\n<li>two</li>\n</ul>\n<ol start="3"><li>x</li>\n</ol>\n'
        "<blockquote><p>said</p>\n</blockquote>\n<hr>\n<pre><code>&lt;b&gt;\n</code></pre>"
    )


def test_raw_html_is_shown_as_text() -> None:
    seen = Seen(RENDERER.html("<script>alert(1)</script>\n\n<b onclick=x>hi</b>", same))
    assert set(seen.tags) == {"p"}
    assert "<script>alert(1)</script>" in seen.text


def test_a_picture_becomes_a_link_to_it() -> None:
    html = RENDERER.html("![the team](https://pics.example/team.png)", same)
    assert html == '<p><a href="https://pics.example/team.png" rel="noopener noreferrer">the team</a></p>'
    plain = RENDERER.plain("![the team](https://pics.example/team.png)", same)
    assert plain == "the team (https://pics.example/team.png)"


def test_plain_text_of_the_forms_we_write() -> None:
    markdown = (
        "# Title\n\nHello **you**: [guide](https://g.example/a), <https://bare.example>, [Zoé](mention:z)\n\n"
        "- one\n  - inner\n- two\n\n1. first\n\n   more of it\n2. second\n\n> said\n> twice\n\n`code`"
    )
    assert RENDERER.plain(markdown, lambda address: None if address.startswith("mention") else address) == (
        "Title\n\nHello you: guide (https://g.example/a), https://bare.example, Zoé\n\n"
        "• one\n  • inner\n• two\n\n1. first\n\n   more of it\n\n2. second\n\n> said\n> twice\n\ncode"
    )


@pytest.mark.parametrize(
    "markdown", ["*" * 50_000, "[" * 50_000, "> " * 50_000, "- " * 50_000, "`" * 50_001, "![" * 30_000]
)
def test_hostile_markdown_takes_little_time(markdown: str) -> None:
    began = time.process_time()
    RENDERER.html(markdown, same)
    RENDERER.plain(markdown, same)
    assert time.process_time() - began < 5
