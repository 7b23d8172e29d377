"""What looks like a question, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.questions import looks_like_question

ASKED = [
    ("fr", "Comment couper les notifications ?"),
    ("fr", "comment on fait pour créer un canal"),
    ("fr", "Bonjour à tous, où trouver la charte ?"),
    ("fr", "Salut, quelqu’un sait comment épingler un message"),
    ("fr", "est-ce qu'on peut inviter un client ici"),
    ("fr", "Qu’est-ce qu’un fil ?"),
    ("fr", "Je cherche le formulaire de congés"),
    ("fr", "J'ai un souci depuis hier. Savez-vous qui gère les accès ?"),
    ("fr", "Peut-on supprimer un message envoyé par erreur"),
    ("fr", "Petite question : à qui s'adresser pour une affiche"),
    ("fr", "Y a-t-il un moyen de programmer un message"),
    ("fr", "y'a-t-il un canal pour les débutants"),
    ("fr", "je ne sais pas où poster une annonce"),
    ("fr", "Les invités voient tous les canaux ?"),
    ("en", "How do I mute a channel?"),
    ("en", "how do i mute a channel"),
    ("en", "Hi all, where can I find the charter?"),
    ("en", "Hello team! Does anyone know who owns the wiki"),
    ("en", "Can guests see this channel?"),
    ("en", "I can't find it. Is there a list of channels?"),
    ("en", "anyone know how to pin a message"),
    ("en", "I'm looking for the holiday form"),
    ("en", "Quick question: who may post in announcements"),
    ("en", "the search only goes back a year?"),
    ("en", "What’s the difference between a thread and a channel?"),
]
TALK = [
    ("fr", "Comment ça va ?"),
    ("fr", "Ça va ?"),
    ("fr", "Quelle belle journée !"),
    ("fr", "Merci, c'est exactement ce que je cherchais."),
    ("fr", "Ah bon ?"),
    ("fr", "vraiment ?"),
    ("fr", "On se retrouve à midi à la cafétéria."),
    ("fr", "Regardez https://exemple.fr/page?id=3 c'est bien fait"),
    ("fr", "Bravo à toutes et à tous"),
    ("en", "How are you?"),
    ("en", "What a great idea!"),
    ("en", "really?"),
    ("en", "See you at lunch."),
    ("en", "look at https://example.com/search?q=how+to for the details"),
    ("en", "use `a ? b : c` there instead"),
    ("en", "Thanks, that works."),
    ("en", "Why not"),
    ("en", ""),
    ("en", "???"),
]


@pytest.mark.parametrize(("language", "text"), ASKED)
def test_questions_are_seen(language: str, text: str) -> None:
    assert looks_like_question(text, "fr" if language == "fr" else "en")


@pytest.mark.parametrize(("language", "text"), TALK)
def test_talk_is_not_taken_for_a_question(language: str, text: str) -> None:
    assert not looks_like_question(text, "fr" if language == "fr" else "en")


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert looks_like_question(text, "fr") in (True, False)
    assert looks_like_question(text, "en") in (True, False)


@pytest.mark.parametrize("text", ["a?" * 200_000, "`" * 200_000, "hello " * 100_000, "bonjour a tous " * 50_000])
def test_long_text_is_quick(text: str) -> None:
    assert looks_like_question(text, "fr") is looks_like_question(text, "en") is False
