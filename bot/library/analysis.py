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


def fold(text: str) -> str:
    """``text`` in lower case, without accents and without characters that cannot be seen."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_CHARACTERS].casefold())[:MAX_CHARACTERS]
    return "".join(
        each for each in decomposed if unicodedata.category(each) not in ("Mn", "Cf", "Cc") or each in "\n\t"
    )


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
