"""Answers written in chat: from a question nobody answered to being found, with whoever answers for it in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.editorial import Status
from bot.library import ContentLibrary, file_of
from bot.platforms.playground import Person, Post
from handlers.answers import slug_of, values_of
from tests.handlers.stage import ADA, ANN, CHLOE, GUS, ODILE, OSCAR, PEOPLE, Stage, stage

QUESTION = "Where are the umbrellas kept in the Lyon building?"
ANSWER = {
    "title_en": QUESTION,
    "questions_en": "umbrella\n- it rains, where do I get an umbrella?",
    "en": "In the **blue stand** by the door.",
    "title_fr": "Où sont rangés les parapluies à Lyon ?",
    "fr": "Dans le **porte-parapluies bleu** près de la porte.",
    "tags": "Lyon, #weather",
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    rules = {"faq.yaml": "faq:\n  tell_at: '09:15'\n", "policy.yaml": "policy: {zone: Europe/Paris}\n"}
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules=rules) as playing:
        yield playing


def held(post: Post) -> dict[str, str]:
    assert post.form is not None, post.text
    return {field.name: field.value for field in post.form.fields}


def wrong(post: Post) -> dict[str, str]:
    assert post.form is not None, post.text
    return {field.name: field.error for field in post.form.fields if field.error}


def latest(play: Stage) -> Post:
    return play.said_in("general")[-1]


async def fill(play: Stage, person: Person, post: Post, **values: str) -> None:
    play.server.submit(person.id, post.id, held(post) | values)
    await play.settle()


async def written(play: Stage, person: Person, **values: str) -> Post:
    """The person writes an answer; what they are told."""
    await play.ask(person, "faq write")
    await fill(play, person, latest(play), **(ANSWER | values))
    return latest(play)


async def test_what_nobody_answered_is_written_approved_and_found(play: Stage) -> None:
    await play.say(ANN, "general", QUESTION)
    await play.wait(timedelta(days=1))
    notice = next(post for post in play.told(OSCAR) if "faq write" in [each.command for each in post.buttons])
    await play.press(OSCAR, notice, "Write the answer")
    form = play.told(OSCAR)[-1]
    assert [each.kind for each in form.form.fields if form.form][:4] == ["line", "text", "line", "text"]  # type: ignore[union-attr]
    await fill(play, OSCAR, form, **ANSWER)
    saved = play.told(OSCAR)[-1]
    assert "is kept. Approve it" in saved.text
    assert "umbrella" not in (await play.ask(ANN, f"faq {QUESTION}")).replace(QUESTION, "")
    asked = next(post for post in play.told(ODILE) if "a écrit une réponse" in post.text)
    assert "porte-parapluies bleu" in asked.text
    await play.press(ODILE, asked, "Approuver")
    assert "est dans la FAQ" in play.told(ODILE)[-1].text
    assert "blue stand" in await play.ask(ANN, f"faq {QUESTION}")
    assert "porte-parapluies bleu" in await play.ask(CHLOE, "faq où sont les parapluies à Lyon ?")
    await play.press(ODILE, play.told(ODILE)[-1], "Annuler")
    assert "blue stand" not in await play.ask(ANN, f"faq {QUESTION}")


async def test_a_shortcut_on_a_message_fills_in_its_words_and_keeps_nothing(play: Stage) -> None:
    post = await play.say(ANN, "general", QUESTION)
    play.server.shortcut("oscar", post.id, "faq write")
    await play.settle()
    values = held(latest(play))
    assert values["title_en"] == QUESTION
    assert values["questions_en"] == ""
    assert await play.allant.store.answers.all(play.workspace) == []
    reply = await play.say(ANN, "general", "They are in the blue stand by the door.")
    play.server.shortcut("odile", reply.id, "faq write")
    await play.settle()
    assert held(latest(play))["fr"] == "They are in the blue stand by the door."
    play.server.shortcut("ann", reply.id, "faq write")
    await play.settle()
    assert "role: animator" in latest(play).text


async def test_its_owner_approves_it_and_nobody_else(play: Stage) -> None:
    saved = await written(play, OSCAR, owner="@Ann")
    assert "once Ann approved it" in saved.text
    assert "Approve" not in [button.label for button in saved.buttons]
    slug = slug_of(QUESTION)
    assert "Ann answers for it" in await play.ask(OSCAR, f"faq approve {slug}")
    asked = play.told(ANN)[-1]
    assert "Oscar wrote an answer" in asked.text
    await play.press(ANN, asked, "Approve")
    assert "is in the FAQ" in play.told(ANN)[-1].text
    assert "already" in await play.ask(ADA, f"faq approve {slug}")
    assert "blue stand" in await play.ask(ANN, f"faq {QUESTION}")
    about = await play.allant.store.notes.about(play.member("ann"))
    assert about["answers"] == [slug]
    await written(play, OSCAR, owner="@Ann", title_en="Where is the door?")
    assert "Ann answers for it" in await play.ask(OSCAR, "faq approve where-is-the-door")
    play.server.leave("ann")
    await play.settle()
    assert "is in the FAQ" in await play.ask(OSCAR, "faq approve where-is-the-door")
    await play.arrive(ANN)
    await play.ask(ANN, "me forget confirm")
    kept = await play.allant.store.answers.get(play.workspace, slug)
    assert kept is not None
    assert kept.owner == "animator"


async def test_what_is_wrong_stands_at_its_field(play: Stage) -> None:
    await play.ask(ODILE, "faq écrire")
    form = latest(play)
    await fill(play, ODILE, form, en="An answer without its question", owner="@nobody", title_fr="t" * 130)
    again = latest(play)
    assert set(wrong(again)) == {"title_en", "title_fr", "fr", "owner"}
    assert "ne connais personne" in wrong(again)["owner"]
    assert held(again)["en"] == "An answer without its question"
    changed = held(again) | {"en": "", "title_fr": "Où ?", "fr": "Là.", "owner": ""}
    play.server.submit("odile", again.id, changed, 0)
    await play.settle()
    preview = latest(play).form
    assert preview is not None
    assert "**Où ?**" in preview.preview.replace("\\", "")
    assert await play.allant.store.answers.all(play.workspace) == []
    await play.ask(OSCAR, "faq write")
    await fill(play, OSCAR, latest(play))
    assert set(wrong(latest(play))) == {"title_en", "en"}


async def test_an_answer_is_changed_withdrawn_and_deleted(play: Stage) -> None:
    saved = await written(play, OSCAR)
    await play.press(OSCAR, saved, "Edit")
    first = latest(play)
    await play.ask(ODILE, f"faq écrire {slug_of(QUESTION)}")
    await fill(play, ODILE, latest(play), tags="pluie")
    await fill(play, OSCAR, first, en="In the red stand.")
    assert "while your form was open" in latest(play).text
    assert held(latest(play))["en"] == "In the red stand."
    await fill(play, OSCAR, latest(play))
    # A button for an older version shows what is there now.
    await play.press(OSCAR, saved, "Approve")
    assert "was changed since" in latest(play).text
    await play.press(OSCAR, latest(play), "Approve")
    assert "red stand" in await play.ask(ANN, f"faq {QUESTION}")
    assert "1 answer" not in await play.ask(OSCAR, "faq drafts")
    await play.ask(OSCAR, f"faq withdraw {slug_of(QUESTION)}")
    assert "1 réponse attend une approbation" in await play.ask(ODILE, "faq brouillons")
    assert "Delete “" in await play.ask(OSCAR, f"faq delete {slug_of(QUESTION)}")
    assert "is deleted" in await play.ask(OSCAR, f"faq delete {slug_of(QUESTION)} confirm")
    # Who did what and when is written down, and taken back by its number.
    assert "is taken back" in await play.ask(OSCAR, "undo")
    history = await play.ask(OSCAR, f"calendar history {slug_of(QUESTION)}")
    for did in ("Oscar made it", "Oscar approved it", "Oscar sent it back", "Oscar deleted it"):
        assert did in history
    assert "is deleted" in await play.ask(OSCAR, f"faq delete {slug_of(QUESTION)} confirm")
    assert "no answer" in await play.ask(OSCAR, f"faq delete {slug_of(QUESTION)}")
    assert await play.allant.store.answers.all(play.workspace) == []


async def test_guests_read_what_is_for_everyone_and_files_are_edited_in_files(play: Stage) -> None:
    await play.press(OSCAR, await written(play, OSCAR, audience="employees"), "Approve")
    assert "blue stand" in await play.ask(ANN, f"faq {QUESTION}")
    assert "blue stand" not in await play.ask(GUS, f"faq {QUESTION}")
    assert "stands in a file" in await play.ask(OSCAR, "faq write polls")
    assert "role: animator" in await play.ask(ANN, "faq write")


async def test_they_survive_a_restart_and_read_back_from_their_files(play: Stage, tmp_path: Path) -> None:
    await play.press(OSCAR, await written(play, OSCAR), "Approve")
    (kept,) = await play.allant.store.answers.approved()
    assert kept.status is Status.APPROVED
    folder = tmp_path / "content" / "faq"
    folder.mkdir(parents=True)
    for entry in kept.entries():
        name, text = file_of(entry)
        (folder / name).write_text(text, encoding="utf-8")
    library = ContentLibrary(tmp_path / "content")
    assert library.load() == ()
    for entry in kept.entries():
        assert library.entry(entry.slug, entry.language, guest=False) == entry


async def test_answers_that_wait_are_in_the_home(play: Stage) -> None:
    await written(play, OSCAR)
    assert "1 answer waits for approval" in await play.ask(OSCAR, "home answers")
    assert "1 réponse attend une approbation" in await play.ask(ODILE, "accueil answers")


# Pure decisions


def test_a_message_becomes_the_first_values() -> None:
    assert values_of(" ", "en") == {}
    assert values_of("It is in the stand.\n\nBy the door.", "en") == {"en": "It is in the stand.\n\nBy the door."}
    long = "Where is " + "the very big " * 30 + "stand?"
    values = values_of(long, "en")
    assert len(values["title_en"]) <= 121
    assert len(values["questions_en"]) <= 200


def test_names_are_made_from_titles() -> None:
    assert slug_of("Où est l’été ?") == "ou-est-lete"
    assert slug_of("???") == ""
