"""`allant export faq`, as typed in a terminal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from bot.cli import cli
from bot.core.actions import Planned, WriteAnswer
from bot.core.answers import KeptAnswer, Wording
from bot.core.errors import BadInput
from bot.core.refs import WorkspaceRef
from bot.core.status import Status
from bot.library import ContentLibrary
from bot.store import Store
from tests.commands.conftest import Organisation

ACME = WorkspaceRef("test", "acme")
TEA = KeptAnswer(
    slug="tea",
    texts={
        "en": Wording("Where is: the tea?", "In the *kitchen*.\n\n- top shelf", ("tea", "- where do I get #tea?")),
        "fr": Wording("Où est le thé ?", "Dans la **cuisine**.", ("thé",)),
    },
    tags=("food", "yes"),
    audience="employees",
    status=Status.APPROVED,
)


@pytest.fixture
def typed(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    settings = organisation.settings
    monkeypatch.chdir(organisation.folder)
    monkeypatch.setenv("ALLANT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ALLANT_SECRET_FILE", str(settings.secret_file))
    monkeypatch.setenv("ALLANT_CONTENT_DIR", str(settings.content))
    monkeypatch.setenv("ALLANT_SCHEDULES_DIR", str(settings.schedules))
    return organisation


def allant(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(cli, words, input=answer)


async def _written(organisation: Organisation, *kept: KeptAnswer) -> None:
    settings = organisation.settings
    store = await Store.open(settings.database_url, secret=settings.secret())
    plans = [Planned("test", tuple(WriteAnswer(each) for each in kept))]
    await store.journal.commit(ACME, plans, at=datetime(2026, 1, 1, tzinfo=UTC), source="test")
    await store.close()


def test_approved_answers_read_back_from_their_files(typed: Organisation) -> None:
    asyncio.run(_written(typed, TEA, replace(TEA, slug="coffee", status=Status.IN_REVIEW)))
    assert "==> tea.fr.md <==" in allant("export", "faq").stdout
    assert allant("export", "faq", "--out", "content/faq").exit_code == 0
    library = ContentLibrary(typed.folder / "content")
    assert library.load() == ()
    for entry in TEA.entries():
        assert library.entry("tea", entry.language, guest=False) == entry
    assert library.entry("coffee", "en", guest=False) is None
    file = typed.folder / "content/faq/tea.en.md"
    file.write_text("mine", encoding="utf-8")
    assert allant("export", "faq", "--out", "content/faq", answer="n\nn\n").exit_code == 0
    assert file.read_text(encoding="utf-8") == "mine"
    assert allant("export", "faq", "--out", "content/faq", "--yes").exit_code == 0
    assert file.read_text(encoding="utf-8").startswith("---\n")


def test_without_any_answer_written_in_chat(typed: Organisation) -> None:
    assert isinstance(allant("export", "faq").exception, BadInput)
    asyncio.run(_written(typed))
    assert "No answer written in chat is approved." in allant("export", "faq").output
