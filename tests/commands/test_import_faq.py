"""`allant import faq`: what is brought in as drafts, what is left out and why, and that nothing hostile comes along."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli
from bot.core.errors import BadInput
from bot.faqimport_cli import drafts
from bot.library import ContentLibrary, read_pairs

TABLE = """Question;Réponse;Étiquettes
Où est la cantine ?;Au rez-de-chaussée, à gauche.;repas, site
Comment réserver une salle ?;<p>Par <a href="https://example.org/salles">la page</a> des <b>salles</b>.</p><ul><li>un</li><li>deux</li></ul>;salles
Sans réponse ?;;x
Où est la cantine ?;encore;
Mauvaise ?;voir [ici](javascript:alert(1));
"""  # noqa: E501  # A row is a line.
PAGE = """<html lang="en"><head><script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
{"@type": "FAQPage", "mainEntity": [
{"@type": "Question", "name": "How do I book a desk?",
 "acceptedAnswer": {"@type": "Answer", "text": "<p>In the <b>desk</b> app.</p>"}},
{"@type": "Question", "name": "Empty?"}]}]}</script></head>
<body><div itemscope itemtype="https://schema.org/FAQPage">
<div itemscope itemprop="mainEntity" itemtype="https://schema.org/Question"><h3 itemprop="name">Where is the gym?</h3>
<div itemscope itemprop="acceptedAnswer" itemtype="https://schema.org/Answer"><div itemprop="text">Behind
<em>building</em> B.<script>alert(1)</script><br>Open 7-22. <a href="javascript:alert(2)">now</a> *stars*
</div></div></div></div></body></html>"""
TODAY = date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "q.csv").write_bytes(TABLE.encode("cp1252"))
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "md" / "deep").mkdir(parents=True)
    (tmp_path / "md" / "park.md").write_text("# Where do I park?\n\nLevel -2.\n", encoding="utf-8")
    many = "# Many\n\n## Who is who?\nSee [the list](https://example.org).\n\n## Notes\nx\n\n## Where to eat?\nHere.\n"
    (tmp_path / "md" / "deep" / "many.md").write_text(many, encoding="utf-8")
    (tmp_path / "md" / "x.txt").write_text("x", encoding="utf-8")
    (tmp_path / "md" / "bad.md").write_text("---\ntitle: [\n---\nx\n", encoding="utf-8")
    return tmp_path


def test_a_table_from_a_spreadsheet(folder: Path) -> None:
    made = drafts(read_pairs(folder / "q.csv"), (), TODAY)
    files = dict(made.files)
    assert set(files) == {"ou-est-la-cantine.fr.md", "comment-reserver-une-salle.fr.md"}
    assert "tags: [repas, site]" in files["ou-est-la-cantine.fr.md"]
    assert (
        "Par [la page](https://example.org/salles) des **salles**.\n\n- un\n- deux"
        in files["comment-reserver-une-salle.fr.md"]
    )
    assert [(each.where, each.reason) for each in made.skipped] == [
        ("row 4", "has no answer"),
        ("row 5", "asks the same as row 2"),
        ("row 6", "links to javascript:alert(1)"),
    ]


def test_a_page_with_json_and_microdata(folder: Path) -> None:
    made = drafts(read_pairs(folder / "page.html"), (), TODAY)
    files = dict(made.files)
    assert set(files) == {"how-do-i-book-a-desk.en.md", "where-is-the-gym.en.md"}
    assert files["how-do-i-book-a-desk.en.md"].endswith("In the **desk** app.\n")
    gym = files["where-is-the-gym.en.md"]
    assert "alert" not in gym
    assert "*building* B." in gym
    assert "now \\*stars\\*" in gym
    assert [each.where for each in made.skipped] == ["JSON-LD question 2"]


def test_a_folder_of_markdown(folder: Path) -> None:
    made = drafts(read_pairs(folder / "md"), {"where-do-i-park.en.md"}, TODAY)
    assert {name for name, _ in made.files} == {"who-is-who.en.md", "where-to-eat.en.md"}
    reasons = {each.where: each.reason for each in made.skipped}
    assert "is there already" in reasons["park.md"]
    assert "no Markdown" in reasons["x.txt"]
    assert "question mark" in reasons["deep/many.md: Notes"]
    assert "bad.md" in reasons


def test_drafts_read_back_and_nobody_finds_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    target = folder / "content" / "faq"
    ran = CliRunner().invoke(cli, ["import", "faq", "q.csv", "--out", str(target)])
    assert ran.exit_code == 0
    assert "2 drafts written" in ran.output
    assert "has no answer" in ran.output
    library = ContentLibrary(folder / "content")
    assert library.load() == ()
    assert library.entries("fr", guest=False) == []
    file = target / "ou-est-la-cantine.fr.md"
    file.write_text(file.read_text(encoding="utf-8").replace("state: draft\n", ""), encoding="utf-8")
    library.load()
    assert [entry.title for entry in library.entries("fr", guest=False)] == ["Où est la cantine ?"]
    again = CliRunner().invoke(cli, ["import", "faq", "q.csv", "--out", str(target), "--dry-run"])
    assert "0 drafts would be written" in again.output


def test_what_cannot_be_used_is_said(folder: Path) -> None:
    for name, text in (("a.html", "<p>Hello"), ("b.pdf", "x")):
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(BadInput):
            read_pairs(folder / name)
    with pytest.raises(BadInput):
        read_pairs(folder / "none.csv")
    (folder / "figures.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    found = read_pairs(folder / "figures.csv")
    assert not found.pairs
    assert "name the columns" in found.skipped[0].reason
    deep = "<div>" * 5000 + "x"
    (folder / "deep.html").write_text(deep, encoding="utf-8")
    with pytest.raises(BadInput):
        read_pairs(folder / "deep.html")
