"""What the adapter must keep between two runs: its session, and how far it has read.

The session (access token and device) is kept because the homeserver remembers transaction ids for each device: only the
same device can repeat a send without posting it twice.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bot.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Session:
    """``homeserver`` and ``user`` say whose it is. ``since`` is the sync token (``next_batch``) up to which every event
    was accepted; empty before the first sync. ``invited``: rooms whose invitation came with the first sync, which no
    later one repeats, until they are joined."""

    homeserver: str
    user: str
    device: str = ""
    token: str = ""
    since: str = ""
    invited: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the token: it must not reach a log."""
        return f"Session({self.homeserver!r}, {self.user!r})"


def written(session: Session) -> str:
    """The session as JSON."""
    return json.dumps(asdict(session), indent=2)


def read(text: str, homeserver: str, user: str) -> Session:
    """The session that was written, or a new one if it was another's. Raises ValueError or TypeError."""
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("not an object")
    texts = {each.name: str(data.get(each.name, "")) for each in fields(Session) if each.name != "invited"}
    kept = Session(**texts, invited=tuple(map(str, data.get("invited", ()))))
    return kept if (kept.homeserver, kept.user) == (homeserver, user) else Session(homeserver, user)


class SessionFile:
    """A small JSON file, readable by its owner only, replaced as a whole so that a crash never leaves half of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, homeserver: str, user: str) -> Session:
        """The kept session of this user on this homeserver, or a new one. Raises BadInput for a file that is not ours:
        going on without it would read old messages anew or miss some."""
        try:
            return read(self.path.read_text(encoding="utf-8"), homeserver, user)
        except FileNotFoundError:
            return Session(homeserver, user)
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(
                f"ALLANT_MATRIX_STATE_FILE={self.path} cannot be read ({type(error).__name__}); restore it from your "
                "backup, or remove it to go on from now (what was said meanwhile is then not answered)"
            ) from None

    def save(self, session: Session) -> None:
        """On disk when it returns. Raises BadInput when the place cannot be written."""
        aside = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(written(session))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.path)
        except OSError as error:
            raise BadInput(f"ALLANT_MATRIX_STATE_FILE={self.path}: {error.strerror}; choose a writable place") from None
