"""From text to the terms a search compares: letters without accents, stop words out, stems."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Collection

import Stemmer  # type: ignore[import-not-found]  # A compiled module without stubs.

from bot.core.refs import Language

MAX_CHARACTERS = 20_000
"""Of any one text only this much is indexed or searched: it bounds the work that hostile text can cause."""

_WORD = re.compile(r"\w+")
_ENGLISH_STOP_WORDS = """
a about am an and any are as at be been but by can cant could did do does doesnt dont for from had has have how i id if
im in into is isnt it its ive me my of on or our please should so that the their them then there these they this to us
was we were what when where which who why will with would you your
anybody anyone everybody everyone hello hey hi know knows somebody someone thank thanks
"""
_FRENCH_STOP_WORDS = """
a ai aie ainsi alors au aux avec avoir ca car ce cela ces cest cet cette ceux chez comme comment dans de des dois doit
donc du elle elles en est et etre eu fait faut il ils je la le les leur leurs lui ma mais me mes moi mon ne nos notre
nous on ont ou par pas peu peut peux plus pour pouvez puis qu quand que quel quelle quelles quels qui quoi sa sans se
ses si soit son sont suis sur ta te tes toi ton tu un une vos votre vous y
bonjour bonsoir coucou hello jusqu lorsqu merci puisqu quelqu sais sait salut saurait savez svp
"""
_STOP_WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(_ENGLISH_STOP_WORDS.split()),
    "fr": frozenset(_FRENCH_STOP_WORDS.split()),
}


class _Stemmers(threading.local):
    """A stemmer keeps state, and content is read again in a thread while the event loop goes on searching."""

    def __init__(self) -> None:
        self.of: dict[Language, Stemmer.Stemmer] = {"fr": Stemmer.Stemmer("french"), "en": Stemmer.Stemmer("english")}


_stemmers = _Stemmers()


class _Folding(dict[int, str]):
    """What each character becomes, worked out when it is first met: ten times faster than doing it for each text."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code).casefold())
        folded = "".join(
            each for each in decomposed if unicodedata.category(each) not in ("Mn", "Cf", "Cc") or each in "\n\t"
        )
        self[code] = folded
        return folded


_folding = _Folding()


def fold(text: str) -> str:
    """``text`` in lower case, without accents and without characters that cannot be seen."""
    return text[:MAX_CHARACTERS].translate(_folding)[:MAX_CHARACTERS]


def terms(text: str, language: Language) -> list[str]:
    """The stems of the words that carry meaning, in order, with repetitions."""
    stop_words = _STOP_WORDS[language]
    words = [
        word
        for word in _WORD.findall(fold(text))
        if word not in stop_words and (len(word) > 1 or word.isdigit()) and len(word) <= 40
    ]
    stems: list[str] = _stemmers.of[language].stemWords(words)
    return stems


def one_edit_away(word: str, candidates: Collection[str]) -> str | None:
    """The first of ``candidates`` that is ``word`` with one letter missing, added, changed or swapped."""
    for candidate in candidates:
        difference = len(candidate) - len(word)
        if abs(difference) > 1:
            continue
        same = 0
        while same < min(len(word), len(candidate)) and word[same] == candidate[same]:
            same += 1
        if difference == 0:
            swapped = candidate[same : same + 2] == word[same : same + 2][::-1]
            if candidate[same + 1 :] == word[same + 1 :] or (swapped and candidate[same + 2 :] == word[same + 2 :]):
                return candidate
        elif difference == 1:
            if candidate[same + 1 :] == word[same:]:
                return candidate
        elif candidate[same:] == word[same + 1 :]:
            return candidate
    return None


def words_of(text: str) -> list[str]:
    """The words of ``text``, folded, in order."""
    return _WORD.findall(fold(text))


_FRENCH_LETTERS = re.compile("[àâçèéêëîïôùûœ]", re.IGNORECASE)
_MORE_ENGLISH = "not no new get make need want use find pay work see go time much many way"
_MORE_FRENCH = "aller avant apres sous entre deja non oui bien aussi tout tous toute toutes etes vais voudrais pendant"
_TELLING: dict[Language, frozenset[str]] = {
    # Words of one language that are none of the other's (“a”, “on”, “me” are words of both).
    "en": (_STOP_WORDS["en"] | frozenset(_MORE_ENGLISH.split())) - _STOP_WORDS["fr"],
    "fr": (_STOP_WORDS["fr"] | frozenset(_MORE_FRENCH.split())) - _STOP_WORDS["en"],
}


def language_of(text: str) -> Language | None:
    """Which of the two languages ``text`` is written in; None when its words do not tell."""
    said = words_of(text[:1000])
    french = sum(word in _TELLING["fr"] for word in said) + len(_FRENCH_LETTERS.findall(text[:1000]))
    english = sum(word in _TELLING["en"] for word in said)
    if french == english:
        return None
    return "fr" if french > english else "en"
