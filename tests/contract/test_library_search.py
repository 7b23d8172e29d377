"""Finding entries, and knowing when to speak: dialogues in the words people use."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.knowledge import Entry
from bot.core.refs import Language
from bot.library.analysis import fold, one_edit_away, terms
from bot.library.search import Evidence, Index
from bot.library.verdict import is_good, is_sure, lead


def entry(slug: str, language: Language, title: str, *questions: str, body: str = "", **more: object) -> Entry:
    return Entry(slug=slug, kind="faq", language=language, title=title, questions=questions, body=body, **more)  # type: ignore[arg-type]


ENTRIES = [
    entry(
        "edit", "en", "How do I edit a message I already sent?", "correct a typo in my post", body="Hover, then Edit."
    ),
    entry(
        "edit", "fr", "Comment modifier un message déjà envoyé ?", "corriger une faute", body="Survolez, puis Modifier."
    ),
    entry("mute", "en", "How do I mute a channel?", "too many notifications", body="Open the channel's menu."),
    entry(
        "mute", "fr", "Comment couper les notifications d'un canal ?", "trop d'alertes", body="Ouvrez le menu du canal."
    ),
    entry("search", "en", "How do I find an old message?", "search the history", body="Use the search bar."),
    entry("search", "fr", "Comment retrouver un ancien message ?", "chercher dans l'historique", body="La recherche."),
    entry(
        "guests", "fr", "Qu'est-ce qu'un invité peut voir ?", "droits d'un prestataire", body="Ses canaux seulement."
    ),
    entry("salary", "en", "When is the salary paid?", body="On the 27th.", audience="employees"),
]
INDEX = Index(ENTRIES)


def found(question: str, *, guest: bool = False) -> list[str]:
    return [evidence.entry.slug for evidence in INDEX.search(question, guest=guest)]


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("can I edit what I sent?", "edit"),
        ("Je voudrais corriger un message envoyé", "edit"),
        ("MODIFIER UN MESSAGE DEJA ENVOYE", "edit"),  # Without accents, in capitals.
        ("notificatoins trop nombreuses", "mute"),  # A typo.
        ("muting channels", "mute"),  # Other forms of the words.
        ("retrouver d'anciens messages", "search"),
        ("droits des prestataires", "guests"),  # In English interfaces too: both languages are searched.
    ],
)
def test_the_right_entry_comes_first(question: str, slug: str) -> None:
    assert found(question)[0] == slug


def test_each_entry_comes_once_though_both_languages_match() -> None:
    assert sorted(found("message notifications")) == ["edit", "mute", "search"]


def test_a_guest_does_not_find_what_is_for_employees() -> None:
    assert found("salary paid") == ["salary"]
    assert found("salary paid", guest=True) == []


def test_kind_narrows() -> None:
    tutorial = Entry(slug="t", kind="tutorial", language="en", title="Mute a channel, step by step", body="x")
    both = Index([*ENTRIES, tutorial])
    assert [each.entry.slug for each in both.search("mute a channel", guest=False, kind="tutorial")] == ["t"]
    assert "t" not in [each.entry.slug for each in both.search("mute a channel", guest=False, kind="faq")]


@pytest.mark.parametrize("question", ["", "?", "le la les", "zzzz qqqq", "\0\u200b", "🎉🎉"])
def test_nothing_is_found_for_nothing(question: str) -> None:
    assert found(question) == []
    assert not is_good(INDEX.search(question, guest=False))
    assert not is_sure(question, "en", INDEX.search(question, guest=False))


@given(st.text(max_size=300))
def test_any_text_can_be_asked(question: str) -> None:
    for evidence in INDEX.search(question, guest=False):
        assert 0 < evidence.score <= 1
        assert 0 <= evidence.coverage <= 1.000001


def test_a_huge_question_takes_little_time() -> None:
    began = time.process_time()
    found("message " * 200_000)
    found(" ".join(f"word{number}" for number in range(20_000)))
    found("\ufdfa" * 100_000)
    assert time.process_time() - began < 2


def test_building_the_index_of_a_hundred_entries_is_quick() -> None:
    many = [
        entry(
            f"e{number}", "fr" if number % 2 else "en", f"Title {number} about subject{number}", body="some words " * 80
        )
        for number in range(100)
    ]
    Index(many[:2])  # The first use loads the libraries.
    began = time.process_time()
    Index(many)
    assert time.process_time() - began < 0.2


# Speaking or not


def evidence(score: float, coverage: float = 1.0, matched: int = 4, exact: bool = False) -> Evidence:
    return Evidence(ENTRIES[0], score, coverage, matched, exact)


QUESTION = "How do I edit a message?"


@pytest.mark.parametrize(
    ("ranked", "good", "sure"),
    [
        ([], False, False),
        ([evidence(0.5)], True, True),
        ([evidence(0.5), evidence(0.3)], True, True),
        ([evidence(0.5), evidence(0.4)], True, False),  # The second is too near to speak unasked.
        ([evidence(0.5, coverage=0.8), evidence(0.48)], False, False),  # Nobody could tell which: a list is better.
        ([evidence(0.22)], True, False),
        ([evidence(0.15)], False, False),
        ([evidence(0.5, coverage=0.5)], True, False),
        ([evidence(0.5, coverage=0.3)], False, False),
        ([evidence(0.5, matched=2, coverage=0.7)], True, False),
        ([evidence(0.5, matched=1, coverage=0.7)], False, False),
        ([evidence(0.6, matched=1)], True, False),  # One word, but all that was asked.
        ([evidence(0.4, matched=1)], False, False),
        ([evidence(0.7, matched=2, exact=True), evidence(0.65)], True, True),  # The very words of one entry.
    ],
)
def test_good_answers_who_asked_and_sure_speaks_unasked(ranked: list[Evidence], good: bool, sure: bool) -> None:
    assert is_good(ranked) is good
    assert is_sure(QUESTION, "en", ranked) is sure


def test_however_sure_talk_is_left_alone() -> None:
    assert not is_sure("I edited the message I had already sent.", "en", [evidence(1.0)])


def test_lead_is_a_share_of_the_best() -> None:
    assert lead([evidence(0.5)]) == 1
    assert lead([evidence(0.5), evidence(0.4)]) == pytest.approx(0.2)
    assert lead([]) == 0


def test_dialogues() -> None:
    said = {
        "How do I edit a message I already sent?": True,
        "Comment modifier un message que j'ai déjà envoyé ?": True,
        "Quelqu'un sait comment couper les notifications d'un canal ?": True,
        "I sent the message to the channel": False,
        "What is for lunch today?": False,
        "message": False,
    }
    for question, sure in said.items():
        assert is_sure(question, "fr" if "'" in question else "en", INDEX.search(question, guest=False)) is sure, (
            question
        )


# Words


def test_terms_are_folded_stems_without_stop_words() -> None:
    assert terms("Comment retrouver les Évènements passés ?", "fr") == terms("retrouver evenement passe", "fr")
    assert terms("How are the channels of our teams?", "en") == ["channel", "team"]


def test_folding_drops_what_cannot_be_seen() -> None:
    assert fold("É\u200bTÉ\u202e") == "ete"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("notificatoin", "notification"),
        ("notifcation", "notification"),
        ("notificattion", "notification"),
        ("notificaxion", "notification"),
        ("notifxcaxion", None),
        ("chanel", "channel"),
    ],
)
def test_one_slip_of_the_finger_is_forgiven(word: str, meant: str | None) -> None:
    assert one_edit_away(word, ["channel", "notification"]) == meant
