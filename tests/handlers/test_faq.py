"""The FAQ as people meet it: asked by command, by name, alone, and overheard in a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.answering import worth_offering
from bot.core.knowledge import Entry, Found, Hit
from bot.core.refs import Language
from bot.core.signals import What
from bot.library import ContentLibrary
from bot.settings import starter_folder
from handlers.faq import is_small_talk, most_asked
from tests.handlers.stage import ANN, BEN, CHLOE, GUS, MONDAY, PEOPLE, Stage, stage

KNOWN = "How do I find a message from last month?"
KNOWN_TITLE = "search"
FRENCH = "Comment ne plus recevoir les notifications d’un canal ?"
UNKNOWN = "Who won the table football in Lyon?"
EMPLOYEES_ONLY = "Can you tell me what may be confidential to share?"
RULES = "faq:\n  patience: 2 minutes\n  unasked_per_day: 2\n  tell_at: '09:15'\n"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, people=(*PEOPLE, GUS), schedules={"faq.yaml": RULES}) as play:
        yield play


async def counted(play: Stage, what: What) -> dict[str, int]:
    found = await play.allant.store.measures.counts(play.workspace, what, MONDAY - timedelta(days=1))
    return dict(found)


# Asked by command


async def test_a_command_gets_the_answer_for_the_asker_alone(play: Stage) -> None:
    said = await play.ask(ANN, f"faq {KNOWN}")
    assert "search" in said.casefold()
    (post,) = play.said_in("general")
    assert post.visible_to == ANN.id
    assert [button.label for button in post.buttons] == ["This helped", "Not what I meant"]
    assert await counted(play, What.ASKED) == {"search-messages": 1}
    assert await counted(play, What.ANSWERED) == {"search-messages": 1}


async def test_the_answer_speaks_the_askers_language(play: Stage) -> None:
    said = await play.ask(CHLOE, f"faq {FRENCH}")
    assert "Voir aussi :" in said
    assert "notifications" in said
    (post,) = play.said_in("general")
    assert [button.label for button in post.buttons] == ["Cela m’aide", "Ce n’est pas ça"]


async def test_a_vague_question_gets_a_short_list_and_a_way_out(play: Stage) -> None:
    await play.say(ANN, "general", "/allant faq notifications")
    (post,) = play.said_in("general")
    assert "Did you mean" in post.text
    assert len(post.buttons) == 4
    await play.press(ANN, post, post.buttons[0].label)
    chosen = play.said_in("general")[-1]
    assert chosen.buttons[0].label == "This helped"
    assert sum((await counted(play, What.ANSWERED)).values()) == 1
    await play.press(ANN, post, "None of these")
    assert "I do not know" in play.said_in("general")[-1].text
    assert await counted(play, What.UNANSWERED) == {"": 1}


async def test_what_nobody_wrote_down_is_not_pretended_to_be_known(play: Stage) -> None:
    assert "I do not know" in await play.ask(ANN, f"faq {UNKNOWN}")
    assert "je ne sais pas" in await play.ask(CHLOE, "faq Où sont rangées les clés du parking à vélos ?")
    assert await counted(play, What.UNANSWERED) == {"": 2}
    assert await counted(play, What.ANSWERED) == {}


async def test_helped_counts_once_for_each_person_and_answer(play: Stage) -> None:
    await play.say(ANN, "general", f"@Allant {KNOWN}")
    (post,) = play.said_in("general")
    await play.press(ANN, post, "This helped")
    assert "thank you" in play.said_in("general")[-1].text
    await play.press(ANN, post, "This helped")
    await play.press(ANN, post, "Not what I meant")
    assert "already" in play.said_in("general")[-1].text
    await play.press(BEN, post, "Not what I meant")
    assert await counted(play, What.HELPED) == {"search-messages": 1}
    assert await counted(play, What.NOT_HELPED) == {"search-messages": 1}


async def test_the_list_by_subject_and_what_is_asked_most(play: Stage) -> None:
    said = await play.ask(ANN, "faq list privacy")
    assert "entries" in said
    # In French the subjects are French, and may be typed without their accents.
    assert await play.ask(CHLOE, "faq liste sécurité") == await play.ask(CHLOE, "faq liste securite")
    assert "entrées" in await play.ask(CHLOE, "faq liste confidentialité")
    assert "équilibre" in await play.ask(CHLOE, "faq liste")
    assert "Nothing on" in await play.ask(ANN, "faq list quantum")
    assert "Rien sur" in await play.ask(CHLOE, "faq liste quantique")
    assert "Nobody has asked" in await play.ask(ANN, "faq top")
    await play.ask(ANN, f"faq {KNOWN}")
    await play.ask(BEN, f"faq {KNOWN}")
    await play.ask(BEN, "faq leave a channel")
    lines = (await play.ask(ANN, "faq top")).splitlines()
    assert [line.rpartition("(")[2] for line in lines if line.startswith("- ")] == ["2)", "1)"]
    assert "(2)" in await play.ask(CHLOE, "faq frequentes")


async def test_an_entry_that_is_gone_is_said_to_be(play: Stage) -> None:
    assert "no entry called" in await play.ask(ANN, "faq show no-such-thing")
    assert "no entry called" in await play.ask(ANN, "faq helped no-such-thing")


# Guests


async def test_guests_never_see_what_is_for_employees(play: Stage) -> None:
    assert "confidential-information" in await counted_after(play, ANN)
    for text in (f"faq {EMPLOYEES_ONLY}", "faq show confidential-information", "faq list", "faq list privacy"):
        play.heard()
        await play.ask(GUS, text)
    assert "confidential-information" not in await counted_after(play, GUS)
    assert "no entry" in await play.ask(GUS, "faq show confidential-information")


async def counted_after(play: Stage, person: object) -> dict[str, int]:
    before = await counted(play, What.ANSWERED)
    await play.ask(person, f"faq {EMPLOYEES_ONLY}")  # type: ignore[arg-type]  # A person of the stage.
    after = await counted(play, What.ANSWERED)
    return {slug: number for slug, number in after.items() if number != before.get(slug, 0)}


async def test_an_answer_for_employees_is_not_said_where_guests_read(play: Stage) -> None:
    await play.say(ANN, "general", f"@Allant {EMPLOYEES_ONLY}")
    (public,) = play.said_in("general")
    assert "direct message" in public.text
    assert "confidential" in play.told(ANN)[-1].text.casefold()


# Named in a channel, or told alone


async def test_a_mention_is_answered_in_its_thread(play: Stage) -> None:
    question = await play.say(CHLOE, "general", f"@Allant {FRENCH}")
    (post,) = play.said_in("general")
    assert post.thread == question.id
    assert "Voir aussi" in post.text


async def test_told_alone_it_answers_questions_and_greets_once_a_day(play: Stage) -> None:
    await play.tell(ANN, "hello")
    assert "Ask me a question" in play.told(ANN)[-1].text
    await play.tell(ANN, "thanks a lot, have a nice day with your circuits")
    assert len(play.told(ANN)) == 1
    await play.tell(ANN, KNOWN)
    assert len(play.told(ANN)) == 2
    await play.tell(ANN, "notifications")
    assert "Did you mean" in play.told(ANN)[-1].text
    await play.wait(timedelta(hours=25))
    await play.tell(ANN, "hello")
    assert "Ask me a question" in play.told(ANN)[-1].text
    await play.tell(CHLOE, "merci beaucoup")
    assert "Posez-moi une question" in play.told(CHLOE)[-1].text


# What is asked next, and what is not known


async def test_what_is_asked_next_in_a_thread_keeps_its_subject(play: Stage) -> None:
    question = await play.say(ANN, "general", "@Allant How do I mute a channel?")
    assert "mute" in play.said_in("general")[-1].text.casefold()
    await play.say(ANN, "general", "@Allant and on my phone?", thread=question)
    said = play.said_in("general")[-1]
    assert said.thread == question.id
    assert "I do not know" not in said.text
    assert "phone" in (said.text + "".join(button.label for button in said.buttons)).casefold()


async def test_unknown_alone_it_is_noted_without_a_name(play: Stage) -> None:
    await play.tell(ANN, UNKNOWN)
    post = play.told(ANN)[-1]
    assert "I do not know" in post.text
    assert "without your name" in post.text
    assert [button.label for button in post.buttons] == ["Tell me when there is an answer", "Take my question back"]


async def test_others_may_want_to_know_and_only_the_asker_takes_back(play: Stage) -> None:
    await play.say(CHLOE, "general", "@Allant Où sont rangées les clés du parking à vélos ?")
    post = play.said_in("general")[-1]
    assert "je ne sais pas" in post.text
    await play.press(BEN, post, "Reprendre ma question")
    assert "Only whoever asked" in play.heard()[-1].text
    await play.press(BEN, post, "Me prévenir d’une réponse")
    assert "30 days" in play.heard()[-1].text
    await play.press(BEN, play.said_in("general")[-1], "No need after all")
    assert "not come back" in play.heard()[-1].text


async def test_not_what_i_meant_makes_an_asked_question_open_and_leaves_the_answer(play: Stage) -> None:
    await play.tell(ANN, KNOWN)
    answered = play.told(ANN)[-1]
    await play.press(ANN, answered, "Not what I meant")
    said = play.told(ANN)[-1]
    assert "needs work" in said.text
    assert "without your name" in said.text
    assert not play.post(answered.id).deleted


async def test_talk_in_a_channel_is_not_even_searched(tmp_path: Path) -> None:
    """A message that is plainly no question costs no embedding."""
    library = Listening(starter_folder("content"))
    library.load()
    async with stage(tmp_path, library=library) as play:
        await play.say(ANN, "general", "The meeting went well, thanks everybody.")
        await play.say(CHLOE, "general", "Super, merci à tous pour votre aide !")
        assert library.searched == []
        await play.say(ANN, "help", KNOWN)
        await play.wait(timedelta(minutes=10))
        assert set(library.searched) == {KNOWN}


class Listening(ContentLibrary):
    """Knows what it was searched for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.searched: list[str] = []

    async def search(self, question: str, language: Language, *, guest: bool, kind: str = "") -> Found:
        self.searched.append(question)
        return await super().search(question, language, guest=guest, kind=kind)


# Decisions


def entry(slug: str) -> Entry:
    return Entry(slug=slug, kind="faq", language="en", title=slug, body="")


def test_only_what_is_worth_it_is_offered() -> None:
    hits = (Hit(entry("a"), 0.6), Hit(entry("b"), 0.31), Hit(entry("c"), 0.29), Hit(entry("d"), 0.28))
    assert [each.slug for each in worth_offering(Found(hits, worth=2))] == ["a", "b"]
    assert [each.slug for each in worth_offering(Found(hits, worth=4))] == ["a", "b", "c"]
    assert worth_offering(Found((Hit(entry("a"), 0.1),))) == []
    assert worth_offering(Found(())) == []


@pytest.mark.parametrize(
    ("text", "language", "talk"),
    [
        ("hello", "en", True),
        ("Merci beaucoup !", "fr", True),
        ("OK, how do I leave a channel?", "en", False),
        ("quitter un canal", "fr", False),
        ("I will be in the office tomorrow with the others", "en", True),
    ],
)
def test_small_talk_is_told_from_asking(text: str, language: str, talk: bool) -> None:
    found = Found((Hit(entry("a"), 0.5),), worth=1)
    assert is_small_talk(text, found, "fr" if language == "fr" else "en") is talk


def test_the_most_asked_leave_out_what_is_gone_or_hidden() -> None:
    entries = {"a": entry("a"), "b": entry("b")}
    assert most_asked({"": 9, "gone": 5, "b": 3, "a": 3}, entries) == [(entry("a"), 3), (entry("b"), 3)]
