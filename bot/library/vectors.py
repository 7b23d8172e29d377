"""Vectors on disk: computed once for each text, and read again at the next start."""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

log = logging.getLogger("allant.search")

KEY_BYTES = 16
MAGIC = b"allantv1"


def text_key(text: str) -> bytes:
    """What a text is known by on disk: not the text itself, of which the content folder has the only copy."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


class VectorFile:
    """The vectors of one embedder, in half precision, one record after the other: a key, then the numbers.

    New ones are appended; a record cut short by a crash is dropped at the next start. A file of another form or size
    of vector is begun anew. Without a folder, or where it cannot be written, vectors are kept in memory only.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / f"{name}.vectors" if folder is not None else None
        self._size = 0
        self._vectors: dict[bytes, npt.NDArray[np.float16]] = {}
        self._on_disk = 0
        self._read()

    def __contains__(self, key: bytes) -> bool:
        return key in self._vectors

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def size(self) -> int:
        """How many numbers a vector has; 0 while there is none."""
        return self._size

    def get(self, keys: Iterable[bytes]) -> npt.NDArray[np.float32]:
        """The vectors of ``keys``, all of which are here, a row each."""
        rows = [self._vectors[key] for key in keys]
        if not rows:
            return np.zeros((0, self._size), dtype=np.float32)
        return np.stack(rows).astype(np.float32)

    def add(self, vectors: Mapping[bytes, array[float]]) -> None:
        """Keep ``vectors``, on disk where that can be done."""
        fresh = {key: np.frombuffer(each, dtype=np.float32).astype(np.float16) for key, each in vectors.items()}
        if not fresh:
            return
        size = len(next(iter(fresh.values())))
        if size != self._size:
            self._vectors, self._size, self._on_disk = {}, size, 0
            self._write(dict(fresh), anew=True)
        else:
            self._write(fresh, anew=False)
        self._vectors.update(fresh)

    def keep_only(self, keys: set[bytes]) -> None:
        """Let go of the vectors of texts that are no more; the file is written anew once half of it is such."""
        self._vectors = {key: each for key, each in self._vectors.items() if key in keys}
        if self._on_disk > 2 * len(self._vectors) + 1000:
            self._write(self._vectors, anew=True)

    def _read(self) -> None:
        if self._path is None or not self._path.exists():
            return
        try:
            raw = self._path.read_bytes()
        except OSError as error:
            log.warning("%s cannot be read (%s): vectors are computed anew", self._path, error.strerror)
            return
        if raw[: len(MAGIC)] != MAGIC or len(raw) < len(MAGIC) + 4:
            return
        size = int.from_bytes(raw[len(MAGIC) : len(MAGIC) + 4], "little")
        record = KEY_BYTES + 2 * size
        count = (len(raw) - len(MAGIC) - 4) // record
        if not 1 <= size <= 20_000:
            return
        whole = np.frombuffer(raw, dtype=np.uint8, offset=len(MAGIC) + 4, count=count * record).reshape(count, record)
        numbers = np.ascontiguousarray(whole[:, KEY_BYTES:]).view(np.float16)
        names = whole[:, :KEY_BYTES].tobytes()
        good = np.atleast_1d(np.isfinite(numbers).all(axis=1))
        self._size, self._on_disk = size, count
        for place in range(count):
            if good[place]:
                self._vectors[names[place * KEY_BYTES : (place + 1) * KEY_BYTES]] = numbers[place]

    def _write(self, vectors: Mapping[bytes, npt.NDArray[np.float16]], *, anew: bool) -> None:
        if self._path is None:
            return
        record = KEY_BYTES + 2 * self._size
        start = len(MAGIC) + 4
        body = b"".join(key + each.tobytes() for key, each in vectors.items())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if anew or not self._path.exists():
                aside = self._path.with_suffix(f".{os.getpid()}")
                aside.write_bytes(MAGIC + self._size.to_bytes(4, "little") + body)
                aside.replace(self._path)
                self._on_disk = len(vectors)
                return
            with self._path.open("r+b") as file:
                # What a crash cut short is overwritten.
                end = file.seek(0, os.SEEK_END)
                file.seek(start + (end - start) // record * record)
                file.write(body)
                file.truncate()
            self._on_disk += len(vectors)
        except OSError as error:
            log.warning("%s cannot be written (%s): vectors are kept in memory only", self._path, error.strerror)
            self._path = None
