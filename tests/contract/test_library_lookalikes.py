"""`allant check` names entries that stand in each other's way, and those that no question finds."""

from __future__ import annotations

from pathlib import Path

from bot.library import ContentLibrary
from bot.settings import starter_folder


def write(folder: Path, name: str, title: str, body: str, *questions: str) -> None:
    asked = "".join(f"  - {each}\n" for each in questions)
    (folder / "faq").mkdir(exist_ok=True)
    head = f"title: {title}\nquestions:\n{asked}" if questions else f"title: {title}\n"
    text = f"---\n{head}---\n{body}\n"
    (folder / "faq" / name).write_text(text, encoding="utf-8")


def reasons(folder: Path) -> dict[str, str]:
    problems = [each for each in ContentLibrary(folder).check() if "translation" not in each.reason]
    return {each.file: each.reason for each in problems}


def test_duplicates_and_near_duplicates_are_named(tmp_path: Path) -> None:
    write(tmp_path, "a.en.md", "How do I reset my password?", "Go to the portal, press reset, follow the mail.")
    write(tmp_path, "b.en.md", "How to reset the password?", "Ask at the service desk on floor two.", "lost my login")
    write(tmp_path, "c.en.md", "Where is the gym?", "Go to the portal, press reset, then follow the mail.", "fitness")
    write(tmp_path, "d.en.md", "Where is the canteen?", "Downstairs, behind the lifts.", "lunch place")
    assert reasons(tmp_path) == {
        "faq/b.en.md": "asks the same as faq/a.en.md",
        "faq/c.en.md": "says nearly the same as faq/a.en.md",
    }


def test_an_entry_that_no_question_finds_is_named(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"z{number}.en.md", "Where is the canteen?", f"Text number {number} about something else.")
    found = [each.file for each in ContentLibrary(tmp_path).check() if "no question of its own" in each.reason]
    assert found == ["faq/z3.en.md", "faq/z4.en.md"]


def test_a_link_to_an_entry_that_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.en.md", "Where is the gym?", "Next to [the canteen](entry:canteen), see [this](entry:b).")
    write(tmp_path, "b.en.md", "When does it open?", "At [seven](https://example.org).")
    assert reasons(tmp_path) == {"faq/a.en.md": "links to entry:canteen, which does not exist"}


def test_the_starter_content_has_none(tmp_path: Path) -> None:
    assert ContentLibrary(starter_folder("content")).check() == ()
