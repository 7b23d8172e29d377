"""The neutral message: what people write can never become markup, and placeholders are filled safely."""

from __future__ import annotations

import pytest

from bot.core.community import Member
from bot.core.message import Image, Markup, Message, TextFile, escape, fill, in_words, link, link_target, mention
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


def test_where_pictures_and_files_cannot_be_shown_their_words_stand_in_the_message() -> None:
    image = Image("Up *and* up", base64="AAAA", width=1, height=1)
    file = TextFile("me.json", "application/json", "``` {}")
    message = Message("Look", images=(image,), files=(file,))
    assert in_words(message, images=True, files=True) is message
    plain = in_words(message, images=False, files=False)
    assert (plain.images, plain.files) == ((), ())
    assert plain.text == "Look\n\n🖼 Up \\*and\\* up\n\n````\n``` {}\n````"
    assert "AAAA" not in repr(message)
    assert "{}" not in repr(message)


def test_only_a_png_file_is_an_image() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        Image.of_png(b"GIF89a" + bytes(30), "a picture")
