"""What an entry brings along: links to others, attachments, channels, the other language; and what guests see of it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.library import ContentLibrary
from bot.settings import starter_folder
from tests.handlers.stage import ANN, CHLOE, GUS, PEOPLE, Stage, stage

FILES = {
    "kite.en.md": """---
title: Where is the kite kept?
see_also: [vault]
channels: [help]
attachments:
  - {title: The map, url: "https://example.org/map"}
---
In the red cupboard. See [the drum](entry:drum) and [the safe](entry:vault).
""",
    "drum.en.md": "---\ntitle: Where is the drum kept?\n---\nUnder the stairs.\n",
    "vault.en.md": "---\ntitle: Where is the code of the vault?\naudience: employees\n---\nIt is 4711.\n",
    "plan.en.md": "---\ntitle: Where is the secret plan?\nstate: draft\n---\nNowhere.\n",
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    content = tmp_path / "content"
    shutil.copytree(starter_folder("content") / "messages", content / "messages")
    (content / "faq").mkdir()
    for name, text in FILES.items():
        (content / "faq" / name).write_text(text, encoding="utf-8")
    library = ContentLibrary(content, spare=starter_folder("content"))
    assert library.load() == ()
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={}, library=library) as play:
        yield play


async def test_links_are_buttons_and_attachments_are_links(play: Stage) -> None:
    await play.tell(ANN, "Where is the kite kept?")
    post = play.told(ANN)[-1]
    assert "See *the drum* and *the safe*." in post.text
    assert "[The map](<https://example.org/map>)" in post.text
    assert [button.label for button in post.buttons[2:]] == [
        "Where is the drum kept?",
        "Where is the code of the vault?",
    ]
    await play.press(ANN, post, "Where is the drum kept?")
    assert "Under the stairs" in play.told(ANN)[-1].text


async def test_a_guest_sees_nothing_internal_in_any_way(play: Stage) -> None:
    await play.tell(ANN, "Where is the code of the vault?")
    for text in (
        "Where is the kite kept?",
        "Where is the code of the vault?",
        "vault",
        "and the code?",
        "/allant faq list",
        "/allant faq top",
        "/allant faq show vault",
        "/allant faq Where is the code of the vault?",
        "/allant tuto vault",
        "/allant home",
    ):
        await play.tell(GUS, text)
    said = "\n".join(post.text + " ".join(button.label for button in post.buttons) for post in play.told(GUS))
    assert "red cupboard" in said
    assert "code of the vault" not in said
    assert "4711" not in said


async def test_a_draft_is_found_by_nobody(play: Stage) -> None:
    assert "Nowhere" not in await play.ask(ANN, "faq Where is the secret plan?")
    assert "secret plan" not in await play.ask(ANN, "faq list")


async def test_a_french_question_gets_the_english_answer_and_is_told_so(play: Stage) -> None:
    said = await play.ask(CHLOE, "faq show kite")
    assert "n’existe qu’en anglais" in said
    assert "red cupboard" in said


async def test_unasked_it_is_said_only_in_its_channels(play: Stage) -> None:
    for channel in ("general", "help"):
        await play.say(ANN, channel, "Where is the kite kept?")
    await play.wait(timedelta(minutes=3))
    assert play.said_in("general") == []
    assert len(play.said_in("help")) == 1
