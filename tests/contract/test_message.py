"""The neutral message: what people write can never become markup, and placeholders are filled safely."""

from __future__ import annotations

from bot.core.community import Member
from bot.core.message import Markup, escape, fill, link, link_target, mention
from bot.core.refs import MemberRef, WorkspaceRef

WORKSPACE = WorkspaceRef("somewhere", "acme")


def test_escape_disarms_markup_mentions_and_hidden_characters() -> None:
    assert escape("**hi** [x](mention:1) <b>") == r"\*\*hi\*\* \[x\]\(mention\:1\) \<b\>"
    assert escape("a\u202eb\u200bc\nd") == "abc d"


def test_fill_escapes_values_but_not_markup() -> None:
    assert fill("{who} and {what}", {"who": "*x*", "what": Markup("*y*")}) == r"\*x\* and *y*"


def test_fill_leaves_an_unknown_name_and_never_reads_attributes() -> None:
    assert fill("{missing} {who.__class__}", {"who": "x"}) == "{missing} {who.__class__}"


def test_fill_does_not_fill_what_a_value_brought_in() -> None:
    assert fill("{a}", {"a": Markup("{b}"), "b": "no"}) == "{b}"


def test_a_mention_survives_any_identifier() -> None:
    member = Member(MemberRef(WORKSPACE, "@a)b:c/d"), name="Ann [x]")
    text = mention(member)
    assert text == r"[Ann \[x\]](mention:%40a%29b%3Ac%2Fd)"
    assert link_target("mention:%40a%29b%3Ac%2Fd") == ("mention", "@a)b:c/d")


def test_only_web_and_mail_addresses_become_links() -> None:
    assert link("x", "https://example.org/a b").startswith("x")
    assert link("x", "javascript:alert(1)") == "x"
    assert link("x", "https://example.org/(a)") == "[x](<https://example.org/(a)>)"
