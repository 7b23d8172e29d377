"""Finding entries, and knowing when to speak: dialogues in the words people use."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.knowledge import Entry
from bot.core.questions import looks_like_question
from bot.core.refs import Language
from bot.library.analysis import fold, one_edit_away, terms
from bot.library.search import Index, Ranked


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


def asked(question: str, *, guest: bool = False, index: Index = INDEX, kind: str = "") -> Ranked:
    return index.search(question, "fr" if "'" in question else "en", guest=guest, kind=kind)


def found(question: str, *, guest: bool = False, index: Index = INDEX, kind: str = "") -> list[str]:
    return [evidence.entry.slug for evidence in asked(question, guest=guest, index=index, kind=kind).evidence]


def good(ranked: Ranked) -> bool:
    return ranked.probability >= INDEX.figures("words").direct


def sure(question: str) -> bool:
    ranked = asked(question)
    return looks_like_question(question, ranked.language) and ranked.probability >= INDEX.figures("words").channel


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
    assert found("mute a channel", index=both, kind="tutorial") == ["t"]
    assert "t" not in found("mute a channel", index=both, kind="faq")


@pytest.mark.parametrize("question", ["", "?", "le la les", "zzzz qqqq", "\0\u200b", "🎉🎉"])
def test_nothing_is_found_for_nothing(question: str) -> None:
    assert found(question) == []
    assert not good(asked(question))
    assert not sure(question)


@given(st.text(max_size=300))
def test_any_text_can_be_asked(question: str) -> None:
    ranked = asked(question)
    assert [each.score for each in ranked.evidence] == sorted((each.score for each in ranked.evidence), reverse=True)
    assert all(0 < each.score < 1 for each in ranked.evidence)


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


@pytest.mark.parametrize(
    ("question", "speaks"),
    [
        ("How do I edit a message I already sent?", True),
        ("Comment modifier un message déjà envoyé ?", True),
        ("I edited the message I had already sent.", False),  # However well it fits, talk is left alone.
        ("I sent the message to the channel", False),
        ("What is for lunch today?", False),
        ("message", False),
    ],
)
def test_speaking_unasked(question: str, speaks: bool) -> None:
    assert sure(question) is speaks


def test_the_question_of_one_entry_comes_first_and_may_be_answered() -> None:
    for each in ENTRIES:
        for phrasing in (each.title, *each.questions):
            assert found(phrasing)[0] == each.slug
            assert good(asked(phrasing)), phrasing


def test_an_answer_in_the_other_language_only_is_known_to_be() -> None:
    assert asked("Qu'est-ce qu'un invité peut voir ?").crosses is False
    assert asked("What is the salary of the prestataires, and when is it paid?").crosses is False
    assert INDEX.search("droits prestataire", "en", guest=False).language == "en"
    assert INDEX.search("droits prestataire", "en", guest=False).crosses
    assert not INDEX.search("notifications", "en", guest=False).crosses  # There in both.


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
