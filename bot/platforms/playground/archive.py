"""The playground's own file: SQLite through the standard library, as the memory of a small chat service."""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.core.message import Button, Section
from bot.platforms.playground.records import (
    Happening,
    Person,
    Post,
    Room,
    attached_data,
    attached_from,
    buttons_data,
    buttons_from,
    form_data,
    form_from,
    sections_data,
    sections_from,
)
from bot.private import make_private

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
  id TEXT PRIMARY KEY, place INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rooms (
  id TEXT PRIMARY KEY, place INTEGER NOT NULL, direct_with TEXT UNIQUE, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memberships (
  room TEXT NOT NULL, person TEXT NOT NULL, read INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room, person)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts (
  number INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL,
  at REAL NOT NULL, thread INTEGER, visible_to TEXT, buttons TEXT, form TEXT, edited INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0, command INTEGER NOT NULL DEFAULT 0, key TEXT,
  answers TEXT NOT NULL DEFAULT '', attached TEXT);
CREATE TABLE IF NOT EXISTS homes (person TEXT PRIMARY KEY, at REAL NOT NULL, sections TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_by_channel ON posts (channel, number) WHERE thread IS NULL;
CREATE INDEX IF NOT EXISTS posts_by_thread ON posts (thread, number) WHERE thread IS NOT NULL;
CREATE TABLE IF NOT EXISTS reactions (
  place INTEGER PRIMARY KEY, post INTEGER NOT NULL, emoji TEXT NOT NULL, person TEXT NOT NULL,
  UNIQUE (post, emoji, person));
CREATE TABLE IF NOT EXISTS requests (key TEXT PRIMARY KEY, post INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS happenings (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at REAL NOT NULL, data TEXT NOT NULL);
"""

_VISIBLE = "(visible_to IS NULL OR visible_to = ?)"


class Archive:
    """Rows in, records out. Every method is one step of a transaction; :meth:`transaction` commits them together."""

    def __init__(self, path: Path | None, name: str = "") -> None:
        """``path`` None keeps everything in memory. ``name`` marks the ids of a new archive (default: random), so
        that a new playground beside an old ledger never reuses an id."""
        if path is not None:
            make_private(path)
        self._base = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=10)
        if path is not None:
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
        self._base.executescript(_SCHEMA)
        columns = [row[1] for row in self._base.execute("PRAGMA table_info(posts)")]
        # A playground from before answers named what they answer, and posts had images.
        for column, kind in (("answers", "TEXT NOT NULL DEFAULT ''"), ("attached", "TEXT")):
            if column not in columns:
                self._base.execute(f"ALTER TABLE posts ADD COLUMN {column} {kind}")
        self._base.execute("INSERT OR IGNORE INTO meta VALUES ('name', ?)", (name or secrets.token_hex(3),))
        (self.name,) = self._base.execute("SELECT value FROM meta WHERE name = 'name'").fetchone()
        self._depth = 0

    def close(self) -> None:
        self._base.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at the end, once on disk; an exception takes everything back. Inner ones join the outer one."""
        if self._depth == 0:
            self._base.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._base.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._base.execute("COMMIT")

    # People and rooms

    def put_person(self, person: Person) -> None:
        data = asdict(person) | {"joined_at": person.joined_at.isoformat() if person.joined_at else None}
        self._base.execute(
            "INSERT INTO people VALUES (?, (SELECT count(*) FROM people), ?) "
            "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (person.id, json.dumps(data)),
        )

    def people(self) -> list[Person]:
        rows = self._base.execute("SELECT data FROM people ORDER BY place")
        return [_person(json.loads(data)) for (data,) in rows]

    def put_room(self, room: Room) -> None:
        self._base.execute(
            "INSERT INTO rooms VALUES (?, (SELECT count(*) FROM rooms), ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            (room.id, room.direct_with, json.dumps(asdict(room) | {"about": dict(room.about)})),
        )

    def rooms(self) -> list[Room]:
        return [Room(**json.loads(data)) for (data,) in self._base.execute("SELECT data FROM rooms ORDER BY place")]

    def enter(self, room: str, person: str) -> bool:
        """Whether the person was not in the room before. What was said before they came is not unread."""
        cursor = self._base.execute(
            "INSERT OR IGNORE INTO memberships SELECT ?, ?, coalesce(max(number), 0) FROM posts", (room, person)
        )
        return cursor.rowcount > 0

    def exit(self, room: str, person: str) -> bool:
        cursor = self._base.execute("DELETE FROM memberships WHERE room = ? AND person = ?", (room, person))
        return cursor.rowcount > 0

    def rooms_of(self, person: str) -> dict[str, int]:
        """The rooms the person is in, each with the number they have read up to."""
        return dict(self._base.execute("SELECT room, read FROM memberships WHERE person = ?", (person,)).fetchall())

    def people_in(self, room: str) -> list[str]:
        rows = self._base.execute("SELECT person FROM memberships WHERE room = ? ORDER BY person", (room,))
        return [person for (person,) in rows]

    def read_up_to(self, room: str, person: str, number: int) -> None:
        self._base.execute(
            "UPDATE memberships SET read = max(read, ?) WHERE room = ? AND person = ?", (number, room, person)
        )

    def read_everything(self) -> None:
        self._base.execute("UPDATE memberships SET read = (SELECT coalesce(max(number), 0) FROM posts)")

    def unread(self, room: str, person: str, since: int) -> int:
        """Root posts of others after ``since`` that the person may see."""
        row = self._base.execute(
            f"SELECT count(*) FROM posts WHERE channel = ? AND number > ? AND thread IS NULL AND author != ? "  # noqa: S608  # Marks only.
            f"AND deleted = 0 AND command = 0 AND {_VISIBLE}",
            (room, since, person, person),
        ).fetchone()
        return int(row[0])

    # Posts

    def add_post(self, post: Post) -> Post:
        """``post`` with its number and id."""
        cursor = self._base.execute(
            "INSERT INTO posts (channel, author, text, at, thread, visible_to, buttons, form, command, key, "
            "answers, attached) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                post.channel,
                post.author,
                post.text,
                post.at.timestamp(),
                self.number_of(post.thread) if post.thread else None,
                post.visible_to,
                _buttons_json(post.buttons),
                json.dumps(form_data(post.form)) if post.form else None,
                post.command,
                post.key,
                post.answers,
                _attached_json(post),
            ),
        )
        stored = self.post(self.id_of(cursor.lastrowid or 0))
        assert stored is not None  # noqa: S101  # It was just written in this transaction.
        return stored

    def change_post(self, post: Post) -> None:
        """Store the words, buttons, form and marks of a post already there."""
        self._base.execute(
            "UPDATE posts SET text = ?, buttons = ?, form = ?, edited = ?, deleted = ?, attached = ? WHERE number = ?",
            (
                post.text,
                _buttons_json(post.buttons),
                json.dumps(form_data(post.form)) if post.form else None,
                post.edited,
                post.deleted,
                _attached_json(post),
                post.number,
            ),
        )

    def post(self, identifier: str) -> Post | None:
        row = self._base.execute(f"{_POSTS} WHERE number = ?", (self.number_of(identifier),)).fetchone()
        return self._post(row) if row else None

    def posts(
        self, channel: str, viewer: str | None = None, *, before: int | None = None, limit: int | None = None
    ) -> list[Post]:
        """Root posts of a channel, oldest first: what ``viewer`` sees of the last ``limit`` (None: all of both)."""
        sql, values = f"{_POSTS} WHERE channel = ? AND thread IS NULL", [channel]
        return self._posts(sql, values, viewer, before, limit)

    def replies(self, root: str, viewer: str | None = None) -> list[Post]:
        """The replies in a thread, oldest first."""
        return self._posts(f"{_POSTS} WHERE thread = ?", [self.number_of(root)], viewer, None, None)

    def all_posts(self) -> list[Post]:
        """Every post there ever was, in order, deleted ones too."""
        return [self._post(row) for row in self._base.execute(f"{_POSTS} ORDER BY number")]

    def _posts(
        self, sql: str, values: list[Any], viewer: str | None, before: int | None, limit: int | None
    ) -> list[Post]:
        if viewer is not None:
            sql, values = f"{sql} AND {_VISIBLE}", [*values, viewer]
        if before is not None:
            sql, values = f"{sql} AND number < ?", [*values, before]
        rows = self._base.execute(f"{sql} ORDER BY number DESC LIMIT ?", [*values, -1 if limit is None else limit])
        return [self._post(row) for row in rows][::-1]

    def thread_sizes(self, roots: Sequence[Post], viewer: str) -> dict[str, tuple[int, datetime]]:
        """For each root that has replies the viewer sees: how many, and when the last was."""
        rows = self._base.execute(
            f"SELECT thread, count(*), max(at) FROM posts WHERE thread IN ({_marks(roots)}) AND deleted = 0 "  # noqa: S608  # Marks.
            f"AND {_VISIBLE} GROUP BY thread",
            [*(root.number for root in roots), viewer],
        )
        return {self.id_of(thread): (count, datetime.fromtimestamp(at, UTC)) for thread, count, at in rows}

    def latest(self, where: str, values: Sequence[Any]) -> Post | None:
        """The newest post for which ``where`` (SQL of ours, over the columns of posts) holds."""
        row = self._base.execute(f"{_POSTS} WHERE {where} ORDER BY number DESC LIMIT 1", values).fetchone()
        return self._post(row) if row else None

    def last_spoken(self) -> dict[str, datetime]:
        """When a person last wrote, by channel."""
        rows = self._base.execute(
            "SELECT channel, max(at) FROM posts WHERE command = 0 AND visible_to IS NULL AND author != 'allant' "
            "GROUP BY channel"
        )
        return {channel: datetime.fromtimestamp(at, UTC) for channel, at in rows}

    # Reactions

    def react(self, post: Post, person: str, emoji: str) -> bool:
        values = (post.number, emoji, person)
        sql = "INSERT OR IGNORE INTO reactions (post, emoji, person) VALUES (?, ?, ?)"
        return self._base.execute(sql, values).rowcount > 0

    def unreact(self, post: Post, person: str, emoji: str) -> bool:
        values = (post.number, emoji, person)
        sql = "DELETE FROM reactions WHERE post = ? AND emoji = ? AND person = ?"
        return self._base.execute(sql, values).rowcount > 0

    def reactions(self, posts: Sequence[Post]) -> dict[str, dict[str, list[str]]]:
        """By post and emoji, the people."""
        found: dict[str, dict[str, list[str]]] = {}
        rows = self._base.execute(
            f"SELECT post, emoji, person FROM reactions WHERE post IN ({_marks(posts)}) ORDER BY place",  # noqa: S608  # Marks only.
            [post.number for post in posts],
        )
        for number, emoji, person in rows:
            found.setdefault(self.id_of(number), {}).setdefault(emoji, []).append(person)
        return found

    # The bot's requests by their keys, and what it has not yet heard of

    def request(self, key: str) -> tuple[bool, str | None]:
        """Whether a request with this key was carried out, and the id of its post."""
        row = self._base.execute("SELECT post FROM requests WHERE key = ?", (key,)).fetchone()
        return (False, None) if row is None else (True, self.id_of(row[0]) if row[0] is not None else None)

    def note_request(self, key: str, post: Post | None) -> None:
        self._base.execute("INSERT INTO requests VALUES (?, ?)", (key, post.number if post else None))

    def add_happening(self, kind: str, at: datetime, data: Mapping[str, Any]) -> str:
        """Its id."""
        values = (kind, at.timestamp(), json.dumps(data, ensure_ascii=False))
        cursor = self._base.execute("INSERT INTO happenings (kind, at, data) VALUES (?, ?, ?)", values)
        return self._happening_id(cursor.lastrowid or 0)

    def happenings(self, limit: int) -> list[Happening]:
        rows = self._base.execute("SELECT number, kind, at, data FROM happenings ORDER BY number LIMIT ?", (limit,))
        return [
            Happening(number, self._happening_id(number), kind, datetime.fromtimestamp(at, UTC), json.loads(data))
            for number, kind, at, data in rows
        ]

    def drop_happenings(self, numbers: Iterable[int]) -> int:
        """Forget these, and say how many are left."""
        self._base.executemany("DELETE FROM happenings WHERE number = ?", [(number,) for number in numbers])
        return self.count_happenings()

    def count_happenings(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM happenings").fetchone()[0])

    # Homes

    def put_home(self, person: str, at: datetime, sections: Sequence[Section]) -> None:
        """What the person's home shows from now on."""
        values = (person, at.timestamp(), json.dumps(sections_data(sections), ensure_ascii=False))
        self._base.execute("INSERT OR REPLACE INTO homes VALUES (?, ?, ?)", values)

    def home(self, person: str) -> tuple[datetime, tuple[Section, ...]] | None:
        """Since when the person's home shows what; None before it was ever shown."""
        row = self._base.execute("SELECT at, sections FROM homes WHERE person = ?", (person,)).fetchone()
        return (datetime.fromtimestamp(row[0], UTC), sections_from(json.loads(row[1]))) if row else None

    # Ids

    def _happening_id(self, number: int) -> str:
        return f"E{self.name}-{number}"

    def id_of(self, number: int) -> str:
        return f"M{self.name}-{number}"

    def number_of(self, identifier: str | None) -> int:
        """The number in a post's id; 0, which no post has, for anything else."""
        head, _, number = (identifier or "").rpartition("-")
        return int(number) if head == f"M{self.name}" and number.isdecimal() and len(number) < 19 else 0

    def _post(self, row: Sequence[Any]) -> Post:
        images, files = attached_from(json.loads(row[14])) if row[14] else ((), ())
        return Post(
            number=row[0],
            id=self.id_of(row[0]),
            channel=row[1],
            author=row[2],
            text=row[3],
            at=datetime.fromtimestamp(row[4], UTC),
            thread=self.id_of(row[5]) if row[5] is not None else None,
            visible_to=row[6],
            buttons=buttons_from(json.loads(row[7])) if row[7] else (),
            form=form_from(json.loads(row[8])) if row[8] else None,
            edited=bool(row[9]),
            deleted=bool(row[10]),
            command=bool(row[11]),
            key=row[12],
            answers=row[13],
            images=images,
            files=files,
        )


_POSTS = (
    "SELECT number, channel, author, text, at, thread, visible_to, buttons, form, edited, deleted, command, key, "
    "answers, attached FROM posts"
)


def _marks(rows: Sequence[Any]) -> str:
    return ", ".join("?" * len(rows))


def _buttons_json(buttons: Sequence[Button]) -> str | None:
    return json.dumps(buttons_data(buttons)) if buttons else None


def _attached_json(post: Post) -> str | None:
    return json.dumps(attached_data(post.images, post.files)) if post.images or post.files else None


def _person(data: dict[str, Any]) -> Person:
    joined = data.pop("joined_at")
    return Person(**data, joined_at=datetime.fromisoformat(joined) if joined else None)
