"""The library over real files: what it reads, keeps, refuses and says."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import Problem
from bot.core.message import Markup, escape
from bot.library import ContentLibrary
from bot.library.markup import markup_problems, sections

TODAY = date(2026, 12, 1)


class Shelves:
    """A folder of content to write into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def faq(
        self, slug: str, body: str = "An answer.", *, title: str = "A question?", language: str = "", **matter: str
    ) -> None:
        """One entry, in both languages unless ``language`` names one; ``matter`` is more front matter."""
        more = "".join(f"{key}: {value}\n" for key, value in matter.items())
        for each in [language] if language else ["fr", "en"]:
            self.write(f"faq/{slug}.{each}.md", f"---\ntitle: {title}\n{more}---\n{body}\n")

    def library(self) -> ContentLibrary:
        library = ContentLibrary(self.folder)
        library.load()
        return library


@pytest.fixture
def shelves(tmp_path: Path) -> Shelves:
    return Shelves(tmp_path)


def said(problems: tuple[Problem, ...]) -> list[str]:
    return [str(problem) for problem in problems]


def test_an_entry_is_read_with_everything_it_says(shelves: Shelves) -> None:
    shelves.write(
        "faq/threads.en.md",
        "---\ntitle: What is a thread?\nquestions: ['how do I reply in a thread?']\n"
        "tags: [threads, basics]\naudience: employees\nowner: Zoe\nreview_by: 2027-03-01\nsee_also: [search]\n---\n\n"
        "Replies under **one** message.\n",
    )
    entry = shelves.library().entry("threads", "en", guest=False)
    assert entry is not None
    assert (entry.slug, entry.kind, entry.language, entry.title) == ("threads", "faq", "en", "What is a thread?")
    assert (entry.questions, entry.tags) == (("how do I reply in a thread?",), ("threads", "basics"))
    assert (entry.audience, entry.owner, entry.review_by) == ("employees", "Zoe", date(2027, 3, 1))
    assert (entry.see_also, entry.body) == (("search",), "Replies under **one** message.")


def test_a_tutorial_is_its_opening_and_its_steps(shelves: Shelves) -> None:
    shelves.write(
        "tutorials/ask-well.fr.md",
        "---\ntitle: Bien demander\nminutes: 4\n---\nEn deux étapes.\n\n## Le *titre*\n\nCourt.\n\n```\n"
        "## pas une étape\n```\n\n## Le contexte\n\nComplet.\n",
    )
    entry = shelves.library().entry("ask-well", "fr", guest=True, kind="tutorial")
    assert entry is not None
    assert (entry.minutes, entry.body) == (4, "En deux étapes.")
    assert [(step.title, step.body) for step in entry.steps] == [
        ("Le *titre*", "Court.\n\n```\n## pas une étape\n```"),
        ("Le contexte", "Complet."),
    ]


def test_each_language_falls_back_to_the_other(shelves: Shelves) -> None:
    shelves.faq("only-french", title="Seulement ici", language="fr")
    shelves.write("calendar/hello.en.md", "---\ntitle: Hello\n---\nHello!\n")
    library = shelves.library()
    found, page = library.entry("only-french", "en", guest=False), library.page("calendar/hello", "fr")
    assert found is not None
    assert found.language == "fr"
    assert page is not None
    assert (page.language, page.body) == ("en", "Hello!")
    assert library.entry("nowhere", "en", guest=False) is None
    assert library.page("calendar/nowhere", "en") is None


def test_entries_come_once_each_by_title_in_the_language_asked_for(shelves: Shelves) -> None:
    shelves.faq("b", title="Zebra", language="en")
    shelves.faq("b", title="Âne", language="fr")
    shelves.faq("a", title="Bateau")
    library = shelves.library()
    assert [entry.title for entry in library.entries("fr", guest=False)] == ["Âne", "Bateau"]
    assert [entry.title for entry in library.entries("en", guest=False)] == ["Bateau", "Zebra"]
    assert library.entries("en", guest=False, kind="tutorial") == []


async def test_a_guest_never_meets_what_is_for_employees(shelves: Shelves) -> None:
    shelves.faq("payslip", "In the vault.", title="Where is my payslip vault?", audience="employees", language="en")
    shelves.faq("payslip", "Au coffre.", title="Où est mon coffre à bulletins ?", audience="everyone", language="fr")
    library = shelves.library()
    for language in ("fr", "en"):
        assert library.entry("payslip", language, guest=True) is None  # One slip in one language shows nothing.
        assert library.entry("payslip", language, guest=False) is not None
        assert library.entries(language, guest=True) == []
        found = await library.search("payslip vault coffre bulletins", language, guest=True)
        assert found.hits == ()


def test_pages_carry_the_day_and_when_to_skip(shelves: Shelves) -> None:
    for day in (0, 3, 14, 7):
        shelves.write(
            f"welcome/guest/day-{day}.en.md", f"---\ntitle: T\nday: {day}\nskip_when: [posted]\n---\nHi {{name}}\n"
        )
    shelves.write("welcome/public.en.md", "---\ntitle: T\n---\nWelcome {names}\n")
    library = shelves.library()
    assert [name.rpartition("-")[2] for name in library.pages("welcome/guest")] == ["0", "3", "7", "14"]
    assert library.pages("welcome") == ["welcome/public"]
    page = library.page("welcome/guest/day-14", "en")
    assert page is not None
    assert (page.day, page.skip_when, page.body) == (14, ("posted",), "Hi {name}")


def test_prompts_of_all_files_are_there(shelves: Shelves) -> None:
    one = "{id: %s, tone: light, kind: icebreaker, tags: [everyone], en: 'Hello?', fr: 'Bonjour ?'}"
    shelves.write("icebreakers/a.yaml", f"prompts:\n  - {one % 'x'}\n  - {one % 'y'}\n")
    shelves.write("icebreakers/b.yaml", f"prompts:\n  - {one % 'z'}\n")
    prompts = shelves.library().prompts()
    assert [prompt.id for prompt in prompts] == ["x", "y", "z"]
    assert (prompts[0].tone, prompts[0].tags, prompts[0].en, prompts[0].fr) == (
        "light",
        ("everyone",),
        "Hello?",
        "Bonjour ?",
    )


WORDS = """
hello: {en: "Hello {name}!", fr: "Bonjour {name} !"}
people:
  one: {en: "one person", fr: "{count} personne"}
  other: {en: "{count} people", fr: "{count} personnes"}
"""


def test_words_that_the_folder_lacks_are_the_starters(shelves: Shelves, tmp_path: Path) -> None:
    """An organisation's own copy knows nothing of the words a later version says."""
    spare = Shelves(tmp_path / "starter")
    spare.write("messages/hello.yaml", "old: {en: Starter, fr: Départ}\nnew: {en: 'New {name}', fr: 'Neuf {name}'}\n")
    spare.faq("starter-only")
    shelves.write("messages/hello.yaml", "old: {en: Ours, fr: Nôtre}\n")
    library = ContentLibrary(shelves.folder, spare=spare.folder)
    library.load()
    assert library.words("en", "hello.old") == "Ours"
    assert library.words("fr", "hello.new", name="x") == "Neuf x"
    assert library.entries("en", guest=False) == []
    with pytest.raises(KeyError):
        library.words("en", "hello.unknown")


@pytest.mark.parametrize(
    ("count", "english", "french"),
    [
        (0, "0 people", "0 personne"),
        (1, "one person", "1 personne"),
        (1.5, r"1\.5 people", r"1\.5 personne"),
        (2, "2 people", "2 personnes"),
        (-1, "one person", r"\-1 personne"),
    ],
)
def test_words_count_by_each_languages_rule(shelves: Shelves, count: float, english: str, french: str) -> None:
    shelves.write("messages/test.yaml", WORDS)
    library = shelves.library()
    assert library.words("en", "test.people", count=count) == english
    assert library.words("fr", "test.people", count=count) == french


def test_words_are_filled_in_escaped(shelves: Shelves) -> None:
    shelves.write("messages/test.yaml", WORDS)
    library = shelves.library()
    assert library.words("en", "test.hello", name="*Zoé*") == r"Hello \*Zoé\*!"
    assert library.words("fr", "test.hello", name=Markup("**Zoé**"), count=3) == "Bonjour **Zoé** !"
    assert library.keys() == {"test.hello", "test.people"}
    with pytest.raises(KeyError):
        library.words("en", "test.nothing")


# What is wrong in a file


BROKEN: list[tuple[str, str, str]] = [
    ("faq/a.en.md", "no front matter", "faq/a.en.md:1: has no front matter"),
    ("faq/a.en.md", "---\ntitle: T\n", "faq/a.en.md:1: has front matter that does not end"),
    ("faq/a.en.md", "---\ntitle: 5\n---\nB", "faq/a.en.md:2: “title” must be text"),
    ("faq/a.en.md", "---\ntitle: ' '\n---\nB", "faq/a.en.md:2: “title” must not be empty"),
    ("faq/a.en.md", f"---\ntitle: {'x' * 201}\n---\nB", "faq/a.en.md:2: “title” must be one line of at most 200"),
    ("faq/a.en.md", "---\nowner: me\n---\nB", "faq/a.en.md:2: “title” is missing"),
    ("faq/a.en.md", "---\n---\nB", "faq/a.en.md:1: must hold “name: value” lines"),
    ("faq/a.en.md", "---\ntitle: T\ncolour: red\n---\nB", "faq/a.en.md:3: “colour” is not known here"),
    ("faq/a.en.md", "---\ntitle: T\ntags: one\n---\nB", "faq/a.en.md:3: “tags” must be a list"),
    ("faq/a.en.md", "---\ntitle: T\ntags: [Two Words]\n---\nB", "“tags.0” may hold only small letters"),
    ("faq/a.en.md", "---\ntitle: T\naudience: bosses\n---\nB", "faq/a.en.md:3: “audience” "),
    ("faq/a.en.md", "---\ntitle: T\nreview_by: soon\n---\nB", "faq/a.en.md:3: “review_by” must be a date"),
    (
        "faq/a.en.md",
        "---\ntitle: T\ntitle: U\n---\nB",
        "faq/a.en.md:3: is not valid YAML: the key 'title' is given twice",
    ),
    ("faq/a.en.md", "---\ntitle: T\n---\n\n  \n", "has no text under its front matter"),
    ("faq/a.en.md", "---\ntitle: T\n---\n\nfine\n\n<b>bold</b>\n", "faq/a.en.md:7: holds raw HTML: <b>"),
    ("faq/a.en.md", "---\ntitle: T\n---\none\ntwo <script>\n", "faq/a.en.md:5: holds raw HTML: <script>"),
    ("faq/a.en.md", "---\ntitle: T\n---\n[x](javascript:alert)", "faq/a.en.md:4: links to javascript:alert"),
    ("faq/a.en.md", "---\ntitle: T\n---\n- a\n- ![x](picture.png)", "faq/a.en.md:5: links to picture.png"),
    ("faq/a.en.md", "---\ntitle: T\n---\n[x]()", "faq/a.en.md:4: links to nothing"),
    (
        "faq/a.en.md",
        "---\ntitle: T\n---\none\nt\u200bwo",
        "faq/a.en.md:5: holds a character that cannot be seen (U+200B)",
    ),
    ("faq/a.en.md", f"---\ntitle: T\n---\n{'word ' * 5000}", "faq/a.en.md:4: is longer than 20,000 characters"),
    ("faq/a.en.md", f"---\ntitle: {'[' * 1000}\n---\nB", "faq/a.en.md:2: is not valid YAML: RecursionError"),
    ("faq/a.de.md", "---\ntitle: T\n---\nB", "faq/a.de.md: has a name that cannot be used"),
    ("faq/A b.en.md", "---\ntitle: T\n---\nB", "faq/A b.en.md: has a name that cannot be used"),
    ("faq/more/a.en.md", "---\ntitle: T\n---\nB", "faq/more/a.en.md: lies in a folder of a folder"),
    ("other/a.en.md", "---\ntitle: T\n---\nB", "other/a.en.md: lies where nothing is read"),
    ("stray.yaml", "a: 1", "stray.yaml: lies where nothing is read"),
    ("tutorials/a.en.md", "---\ntitle: T\n---\nB\n\n## S\n\nx", "tutorials/a.en.md:2: “minutes” is missing"),
    ("tutorials/a.en.md", "---\ntitle: T\nminutes: 0\n---\nB\n\n## S\n\nx", ":3: “minutes” must lie between 1 and 240"),
    ("tutorials/a.en.md", "---\ntitle: T\nminutes: 3\n---\nB", "is not made of an opening and steps"),
    (
        "tutorials/a.en.md",
        "---\ntitle: T\nminutes: 3\n---\nB\n\n## S\n\n## T\n\nx",
        "is not made of an opening and steps",
    ),
    ("welcome/guest/day-3.en.md", "---\ntitle: T\nday: 4\n---\nB", "welcome/guest/day-3.en.md:3: “day” must be 3"),
    ("welcome/guest/day-3.en.md", "---\ntitle: T\nday: 3\nskip_when: [slept]\n---\nB", ":4: “skip_when.0” "),
    (
        "icebreakers/a.yaml",
        "prompts:\n  - {id: x, tone: grim, kind: k, en: a, fr: b}",
        "icebreakers/a.yaml:2: “prompts.0.tone” ",
    ),
    (
        "icebreakers/a.yaml",
        "prompts:\n  - {id: x, tone: light, kind: k, en: a}",
        "icebreakers/a.yaml:2: “prompts.0.fr” is missing",
    ),
    (
        "icebreakers/a.yaml",
        "prompts:\n  - {id: x, tone: light, kind: k, en: a, fr: b}\n  - {id: x, tone: light, kind: k, en: a, fr: b}",
        "icebreakers/a.yaml:3: gives the id “x” twice",
    ),
    ("icebreakers/a.yaml", "prompts: &a [*a]", "icebreakers/a.yaml:1: uses a YAML alias"),
    ("messages/a.yaml", "hi: {en: Hi}", "messages/a.yaml:1: “hi” needs en and fr, and nothing else"),
    ("messages/a.yaml", "hi: {en: Hi, fr: ''}", "messages/a.yaml:1: “hi.fr” must be text"),
    (
        "messages/a.yaml",
        "hi: {en: 'Hi {name}', fr: 'Salut {nom}'}",
        "“hi” has other placeholders in French than in English",
    ),
    ("messages/a.yaml", "hi: {en: 'Hi {Name}', fr: 'Salut {Name}'}", "“hi.en” has a brace that is no {placeholder}"),
    ("messages/a.yaml", "hi: {en: 'Hi <name>', fr: Salut}", "messages/a.yaml:1: holds raw HTML: <name>"),
    ("messages/a.yaml", "Hi there: {en: Hi, fr: Salut}", "messages/a.yaml:1: has the key “Hi there”"),
    ("messages/a.yaml", "n:\n  one: {en: a, fr: b}", "messages/a.yaml:1: “n.other” needs en and fr"),
    ("messages/a.yaml", "- hi", "messages/a.yaml:1: must hold “name: value” lines"),
    ("messages/A.yaml", "hi: {en: Hi, fr: Salut}", "messages/A.yaml: has a name that cannot be used"),
]


@pytest.mark.parametrize(("name", "text", "reason"), BROKEN)
def test_a_broken_file_is_named_with_line_and_reason_and_the_others_stay(
    shelves: Shelves, name: str, text: str, reason: str
) -> None:
    shelves.faq("good")
    shelves.write(name, text)
    library = ContentLibrary(shelves.folder)
    problems = said(library.load())
    assert any(reason in problem for problem in problems), problems
    assert all(problem.startswith(name) for problem in problems)
    assert [entry.slug for entry in library.entries("en", guest=False)] == ["good"]
    assert set(problems) <= set(said(library.check(TODAY)))


@pytest.mark.parametrize(
    "data", [b"---\ntitle: \xff\xfe\n---\nB", b"\0" * 1000, b"---\n" + b"x: [" * 30_000, b"x" * 1_000_001]
)
def test_a_file_that_is_no_text_or_huge_breaks_nothing(shelves: Shelves, data: bytes) -> None:
    shelves.faq("good")
    (shelves.folder / "faq" / "bad.en.md").write_bytes(data)
    library = ContentLibrary(shelves.folder)
    assert [problem.file for problem in library.load()] == ["faq/bad.en.md"]
    assert library.entry("good", "en", guest=True) is not None


def test_fine_links_and_code_are_no_problem(shelves: Shelves) -> None:
    shelves.faq(
        "links",
        "[a](https://a.example/x) <https://b.example> [c](mailto:c@d.example) `<b>` [d](channel:x) \\<e> 👩\u200d💻\n\n"
        "```\n<i>\n```",
    )
    assert ContentLibrary(shelves.folder).load() == ()
    shelves.write("messages/a.yaml", 'go: {en: "[go]({url})", fr: "[aller]({url})"}')
    assert ContentLibrary(shelves.folder).load() == ()


# What only shows over all files


def cross(prepare: Callable[[Shelves], None], shelves: Shelves) -> list[str]:
    prepare(shelves)
    library = ContentLibrary(shelves.folder)
    assert library.load() == ()  # Each file is good in itself.
    return said(library.check(TODAY))


def two(slug: str, french: dict[str, str], english: dict[str, str]) -> Callable[[Shelves], None]:
    def prepare(shelves: Shelves) -> None:
        shelves.faq(slug, language="fr", **french)
        shelves.faq(slug, language="en", **english)

    return prepare


def written(files: dict[str, str]) -> Callable[[Shelves], None]:
    def prepare(shelves: Shelves) -> None:
        for name, text in files.items():
            shelves.write(name, text)

    return prepare


PAGE = "---\ntitle: T\n---\nB"
TUTORIAL = "---\ntitle: T\nminutes: 3\n---\nB\n\n## S\n\nx"
PROMPT = "prompts:\n  - {id: x, tone: light, kind: k, en: a, fr: b}"
CROSS: list[tuple[Callable[[Shelves], None], str]] = [
    (lambda s: s.faq("a", language="fr"), "faq/a.fr.md: has no translation (write faq/a.en.md)"),
    (lambda s: s.faq("a", see_also="[gone]"), "faq/a.en.md:3: “see_also” names gone, which does not exist"),
    (lambda s: s.faq("a", see_also="[a]"), "“see_also” names the file itself"),
    (lambda s: s.faq("a", review_by="2026-11-30"), "faq/a.en.md:3: was to be reviewed by 2026-11-30"),
    (two("a", {"tags": "[x]"}, {"tags": "[y, z]"}), "faq/a.fr.md:3: has not as many “tags” as the English file"),
    (two("a", {"audience": "employees"}, {}), "faq/a.fr.md:3: “audience” differs from the English file"),
    (two("a", {"body": "{name}"}, {"body": "{nom}"}), "faq/a.fr.md:2: has other {placeholders} than the English file"),
    (written({"faq/a.fr.md": PAGE, "tutorials/a.fr.md": TUTORIAL}), "tutorials/a.fr.md:2: has the same name as faq/a"),
    (
        written({"tutorials/a.fr.md": TUTORIAL, "tutorials/a.en.md": TUTORIAL + "\n\n## T\n\ny"}),
        "tutorials/a.fr.md:2: has another number of steps than the English file",
    ),
    (written({"charter/charter.en.md": PAGE}), "charter/charter.en.md: has no translation"),
    (
        written({"calendar/a.en.md": PAGE, "calendar/a.fr.md": PAGE + " {name}"}),
        "calendar/a.fr.md:2: has other {placeholders} than the English file",
    ),
    (
        written({"calendar/a.en.md": PAGE, "calendar/a.fr.md": "---\ntitle: T\nskip_when: [posted]\n---\nB"}),
        "calendar/a.fr.md:3: “skip_when” differs from the English file",
    ),
    (
        written({"icebreakers/a.yaml": PROMPT, "icebreakers/b.yaml": PROMPT}),
        "icebreakers/b.yaml:2: gives the id “x”, which is also in icebreakers/a.yaml",
    ),
]


@pytest.mark.parametrize(("prepare", "reason"), CROSS)
def test_check_finds_what_no_single_file_shows(
    shelves: Shelves, prepare: Callable[[Shelves], None], reason: str
) -> None:
    problems = cross(prepare, shelves)
    assert any(reason in problem for problem in problems), problems


def test_a_review_due_today_is_no_problem(shelves: Shelves) -> None:
    assert cross(lambda s: s.faq("a", review_by="2026-12-01"), shelves) == []


# Reading again


def test_a_broken_file_keeps_its_last_good_version_until_it_is_mended(shelves: Shelves) -> None:
    shelves.faq("a", "First.")
    shelves.write("messages/test.yaml", WORDS)
    library = shelves.library()
    shelves.faq("a", "<b>broken</b>")
    shelves.write("messages/test.yaml", "hello: [")
    assert {problem.file for problem in library.load()} == {"faq/a.en.md", "faq/a.fr.md", "messages/test.yaml"}
    assert {problem.file for problem in library.load()} == {"faq/a.en.md", "faq/a.fr.md", "messages/test.yaml"}
    kept = library.entry("a", "en", guest=False)
    assert kept is not None
    assert kept.body == "First."
    assert library.words("en", "test.hello", name="x") == "Hello x!"
    shelves.faq("a", "Second, mended.")
    shelves.write("messages/test.yaml", WORDS.replace("Hello", "Good day"))
    assert library.load() == ()
    mended = library.entry("a", "en", guest=False)
    assert mended is not None
    assert mended.body == "Second, mended."
    assert library.words("en", "test.hello", name="x") == "Good day x!"


async def test_a_new_entry_is_found_and_a_deleted_one_gone(shelves: Shelves) -> None:
    shelves.faq("pears", title="How do we prune pears?")
    library = shelves.library()
    shelves.faq("apples", title="How do we harvest apples?")
    (shelves.folder / "faq/pears.en.md").unlink()
    (shelves.folder / "faq/pears.fr.md").unlink()
    library.load()
    assert library.entry("pears", "en", guest=False) is None
    found = await library.search("harvest apples", "en", guest=False)
    assert [hit.entry.slug for hit in found.hits] == ["apples"]
    assert (await library.search("prune pears", "en", guest=False)).hits == ()


def test_when_the_folder_is_gone_everything_stays(shelves: Shelves, tmp_path: Path) -> None:
    shelves.faq("a")
    library = shelves.library()
    away = tmp_path.with_name("away")
    tmp_path.rename(away)
    try:
        assert [problem.reason for problem in library.load()] == ["is not a folder"]
        assert [problem.reason for problem in library.check(TODAY)] == ["is not a folder"]
        assert library.entry("a", "en", guest=False) is not None
    finally:
        away.rename(tmp_path)


def test_hidden_files_and_readmes_are_left_alone(shelves: Shelves) -> None:
    for name in (".hidden.en.md", "faq/.a.en.md.swp", "faq/README.md", ".git/x.md", "faq/picture.png"):
        shelves.write(name, "not for us")
    assert ContentLibrary(shelves.folder).load() == ()


def test_the_fingerprint_follows_the_files(shelves: Shelves) -> None:
    shelves.faq("a")
    library = shelves.library()
    seen = [library.fingerprint]
    assert library.fingerprint == seen[0]
    shelves.faq("a", "Other words.")
    seen.append(library.fingerprint)
    shelves.faq("b")
    seen.append(library.fingerprint)
    (shelves.folder / "faq/b.en.md").unlink()
    seen.append(library.fingerprint)
    os.utime(shelves.folder / "faq/a.en.md", (1, 1))
    seen.append(library.fingerprint)
    assert len(set(seen)) == len(seen)


def test_an_empty_library_answers_without_failing(tmp_path: Path) -> None:
    library = ContentLibrary(tmp_path)
    assert library.load() == ()
    assert library.entries("fr", guest=False) == []
    assert library.prompts() == ()
    assert library.pages("welcome/employee") == []
    assert escape("") == ""


@given(st.text(alphabet="<>[]()!*_`#-+.:/\\\"'& \n\tabjx0123=~|{}@%é", max_size=120))
def test_any_markdown_can_be_gone_over(markdown: str) -> None:
    for problem in markup_problems(markdown, "x.md", 5):
        assert 5 <= problem.line <= 5 + markdown.count("\n")
    opening, steps = sections(markdown)
    assert len(opening) + sum(len(title) + len(body) for title, body in steps) <= len(markdown)
