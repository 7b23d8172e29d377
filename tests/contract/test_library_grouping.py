"""Questions that mean the same stand together; those that only sound alike do not."""

from __future__ import annotations

from bot.library.grouping import MOST, grouped

GATES = ["Does anybody know the code of the Lille gate?", "What is the code for the gate in Lille?"]
BIKES = "Où sont rangées les clés du parking à vélos ?"


def test_the_same_words_in_another_order_stand_together() -> None:
    assert grouped([GATES[0], BIKES, GATES[1], "Où sont les clés du parking à vélos"]) == [[0, 2], [1, 3]]


def test_what_shares_a_word_only_stays_apart() -> None:
    assert grouped(["How do I mute a channel?", "How do I leave a channel?"]) == [[0], [1]]
    assert grouped(["", "how are you", "?"]) == [[0], [1], [2]]
    assert grouped([]) == []


def test_vectors_bring_the_languages_together() -> None:
    vectors = [(1.0, 0.0), (0.96, 0.28), (0.0, 1.0)]
    assert grouped([GATES[0], "Quel est le code du portail ?", BIKES], vectors, "e5") == [[0, 1], [2]]
    assert grouped([GATES[0], "Quel est le code du portail ?", BIKES], [(1.0, 0.0), (0.8, 0.6), (0.0, 1.0)], "use") == [
        [0],
        [1],
        [2],
    ]


def test_too_many_are_left_alone() -> None:
    assert len(grouped([GATES[0]] * (MOST + 1))) == MOST + 1
