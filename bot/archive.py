"""The words and schedules an installation runs with, kept in one small text: what a change is compared with later."""

from __future__ import annotations

import asyncio
import base64
import io
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from bot.core.actions import Planned, Remember
from bot.core.errors import BadInput
from bot.core.ports import Journal, Notes
from bot.core.refs import WorkspaceRef

ENDINGS = (".md", ".yaml", ".yml")
MOST_BYTES = 50_000_000
"""Unpacked, an archive holds no more than this; an organisation's words are a hundredth of it."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same files make the same archive, whenever they were written."""


@dataclass(frozen=True, slots=True)
class Running:
    """Which files a workspace runs with, by their fingerprint: apart from the files, as each start reads it."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class RunningFiles:
    """The files a workspace runs with, as :func:`pack` gives them."""

    archive: str


async def keep(
    notes: Notes,
    journal: Journal,
    workspace: WorkspaceRef,
    folders: Mapping[str, Path],
    *,
    fingerprint: str,
    wrong: Collection[str],
    at: datetime,
) -> None:
    """Note the files that ``workspace`` runs with since ``at``, unless it is noted already. See :func:`pack`."""
    noted = await notes.get(workspace, Running, "")
    if noted is not None and noted.fingerprint == fingerprint:
        return
    former = await notes.get(workspace, RunningFiles, "")
    archive = await asyncio.to_thread(pack, folders, wrong, former.archive if former is not None else "")
    actions = (Remember("", RunningFiles(archive)), Remember("", Running(fingerprint)))
    await journal.commit(workspace, [Planned("files", actions)], at=at, source=f"files/{fingerprint}")


def pack(folders: Mapping[str, Path], wrong: Collection[str] = (), former: str = "") -> str:
    """The files people write below ``folders`` (by the name each gets in the archive), as text.

    Of files with problems, named in ``wrong`` by their place in their folder, what ``former`` (an archive) holds is
    kept: that is the version that goes on running.
    """
    kept = _read(former) if former else {}
    whole: dict[str, bytes] = {}
    for name, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder).as_posix()
            hidden = any(part.startswith(".") for part in PurePosixPath(place).parts)
            if path.suffix in ENDINGS and not hidden and path.is_file():
                inner = f"{name}/{place}"
                if place not in wrong:
                    whole[inner] = path.read_bytes()
                elif inner in kept:
                    whole[inner] = kept[inner]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for inner, content in whole.items():
            info = zipfile.ZipInfo(inner, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return base64.b85encode(data.getvalue()).decode("ascii")


def unpack(text: str, target: Path) -> None:
    """Write the archive's folders below ``target``. Raises BadInput when it is damaged."""
    for inner, content in _read(text).items():
        path = target / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _read(text: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b85decode(text))) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                raise BadInput("what is kept of the files that run is larger than any such files are")
            names = [name for name in archive.namelist() if ".." not in PurePosixPath(name).parts and name[0] != "/"]
            return {name: archive.read(name) for name in names if not name.endswith("/")}
    except (ValueError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise BadInput(f"what is kept of the files that run is damaged ({type(error).__name__})") from None
