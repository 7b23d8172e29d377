"""What is wrong in a file is told in the language of whoever reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.core.mistakes import KEYS, said_in
from bot.library import ContentLibrary
from bot.settings import starter_folder
from tests.handlers.stage import ODILE, OSCAR, stage

GOOD = 'items: [{id: hello, every: monday 10:30, to: ["#general"], words: {en: Hello, fr: Bonjour}}]\n'


@pytest.mark.parametrize(
    ("broken", "english", "french"),
    [
        (GOOD.replace("hello,", "Hello!,"), "“Hello!” is not an id", "« Hello! » n’est pas un identifiant"),
        (GOOD.replace("to:", "two:"), "“two” is not known here (did you mean “to”?)", "(vouliez-vous dire « to » ?)"),
        (GOOD.replace("#general", "@every1"), "“@every1” is not known here", "« @every1 » est inconnu ici"),
        (GOOD.replace("Bonjour", "''"), "the text under “fr” is empty", "le texte sous « fr » est vide"),
        ("items: 3\n", "“items” must be a list", "« items » doit être une liste (commencez chaque élément par"),
        ("items: [\n", "is not valid YAML: ", "n’est pas du YAML valable : "),
        (GOOD.replace("]\n", ", zone: Mars/Base}]\n").replace("}}, zone", "}, zone"), "no time zone", "pas de fuseau"),
    ],
)
async def test_a_broken_file_is_told_in_both_languages(tmp_path: Path, broken: str, english: str, french: str) -> None:
    async with stage(tmp_path, schedules={"items.yaml": GOOD}) as play:
        (tmp_path / "schedules" / "items.yaml").write_text(broken, encoding="utf-8")
        await play.allant.reload_changed_files()
        await play.settle()
        assert english in play.told(OSCAR)[-1].text.replace("\\", "")
        assert french in play.told(ODILE)[-1].text.replace("\\", "")


def test_all_of_them_are_known_and_told_apart() -> None:
    folder = starter_folder("content")
    written = yaml.safe_load((folder / "messages" / "mistakes.yaml").read_text(encoding="utf-8"))
    assert sorted(KEYS) == sorted(written)
    library = ContentLibrary(folder)
    library.load()
    for key in KEYS:
        values = {name: f"{name}1" for name in "abc"}
        english, french = (library.words(language, f"mistakes.{key}", **values) for language in ("en", "fr"))
        assert said_in(library.words, "fr", str(english)) == french
        assert said_in(library.words, "en", "*stars*") == "\\*stars\\*"
