"""A zip from outside, read entry by entry without unpacking: nothing of it is ever written to disk.

The limits hold against zip bombs. What an entry says of its own size is not believed: reading stops at the limit.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from bot.core.errors import BadContent, Problem

_SHOWN = 120
"""So much of an entry's name is shown: it is as untrusted as the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an export may be at most. Sizes are bytes once unpacked.

    Years of a large organisation fit: a message takes about 250 bytes, a day's file some hundred kilobytes. Text of
    chats packs 10 to 30 times; zeros, of which bombs are made, 1,000 times.
    """

    entries: int = 500_000
    entry_size: int = 64 * 2**20
    total_size: int = 8 * 2**30
    ratio: float = 200.0
    ratio_from: int = 2**20
    """An entry smaller than this may pack as well as it likes: short lists of almost nothing do."""


def shown(name: str) -> str:
    """An entry's name without what could disturb a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:_SHOWN]


class ExportZip:
    """An open zip; a context manager. Every mistake raises BadContent and names the file or the entry."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._name = shown(path.name)
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or type(error).__name__}"
            raise BadContent([Problem(self._name, 0, reason, "check the path")]) from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            reason = "is not a whole zip file"
            raise BadContent([Problem(self._name, 0, reason, "download the export again")]) from None
        try:
            self._entries = {each.filename: each for each in self._zip.infolist() if not each.is_dir()}
            self._check()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> ExportZip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """The entries' names, sorted."""
        return sorted(self._entries)

    def size(self, name: str) -> int:
        """What the entry says its size is."""
        return self._entries[name].file_size

    def json(self, name: str) -> Any:
        """The entry's JSON."""
        data = self._bytes(name)
        try:
            return json.loads(data)
        except json.JSONDecodeError as error:
            raise self.bad(name, f"is not valid JSON: {error.msg}", line=error.lineno) from None
        except (ValueError, RecursionError) as error:
            raise self.bad(name, f"is not valid JSON: {type(error).__name__}") from None

    def bad(
        self, name: str, reason: str, *, line: int = 0, mend: str = "export again, or mend that file"
    ) -> BadContent:
        """The error that names this entry."""
        return BadContent([Problem(shown(name), line, reason, mend)])

    def _bytes(self, name: str) -> bytes:
        try:
            with self._zip.open(self._entries[name]) as file:
                data = file.read(self._limits.entry_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
            raise self.bad(name, "is damaged", mend="download the export again") from None
        except (NotImplementedError, RuntimeError):
            raise self.bad(name, "is encrypted or packed in an unknown way", mend="save it as a plain zip") from None
        if len(data) > self._limits.entry_size:
            raise self.bad(name, f"is larger than {self._limits.entry_size:,} bytes")
        return data

    def _check(self) -> None:
        """Before anything is unpacked: how much it would be."""
        limits, entries = self._limits, self._entries.values()
        if len(entries) > limits.entries:
            raise self.bad(self._name, f"holds {len(entries):,} files, more than {limits.entries:,}")
        if sum(each.file_size for each in entries) > limits.total_size:
            raise self.bad(self._name, f"would be larger than {limits.total_size:,} bytes when unpacked")
        for each in entries:
            if each.file_size > limits.entry_size:
                raise self.bad(each.filename, f"is larger than {limits.entry_size:,} bytes")
            if each.file_size > limits.ratio_from and each.file_size > limits.ratio * max(each.compress_size, 1):
                raise self.bad(each.filename, "is packed so tightly that it looks like an attack (a zip bomb)")
