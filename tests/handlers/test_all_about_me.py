"""Every table: what it holds about a person is in their export, and gone once they are forgotten.

A column that is in neither list below is a mistake: whoever adds one says here whether it can show who somebody is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, Text, select

from bot.core.refs import MemberRef
from bot.platforms.playground import Person
from bot.store import tables
from bot.store.crowds import CROWDS
from bot.store.roster import keys_of
from bot.store.secrecy import Keys
from tests.handlers.stage import ANN, PEOPLE, Stage, stage

ZOE = Person(id="zoe9f3k", name="Zoé Quetzal", language="en", zone="Europe/London", animator=True, manager=True)
SIGNS = ("zoe9f3k", "quetzal")

EXPORTED: Mapping[str, str] = {
    **dict.fromkeys(("member.ref", "member.name", "member.zone", "member.language", "member.team"), "member"),
    **dict.fromkeys(("member.folded_name", "member.folded_id"), "member"),
    **dict.fromkeys(("note.member", "note.key", "note.value"), "notes"),
    **dict.fromkeys(("timer.member", "timer.key"), "timers"),
    **dict.fromkeys(
        ("delivery.place", "delivery.visible_to", "delivery.meant_for", "delivery.key", "delivery.sent_as"),
        "deliveries",
    ),
    **dict.fromkeys(("delivery.thread", "delivery.target", "delivery.answers"), "deliveries"),
    "delivery.message": "named_in",
    "decision.by": "decisions",
    "pause.by": "pauses",
    "change.by": "changes",
    "item.owner": "items",
    "answer.owner": "answers",
    **dict.fromkeys(("aside.member", "aside.name", "aside.value"), "put_aside"),
    "signal.member_key": "signals",
    "signal_member.member_key": "roster",
    "signal_member.team": "roster",
    **{f"crowd.{name}": "days" for name in CROWDS},
    "forgotten.member_key": "forgotten",
    "erasure.member_key": "uncounted",
}
"""Columns that can show who somebody is, by the part of the export that tells it."""

NOBODY: Mapping[str, str] = {
    "answer": "workspace slug answer state",  # What the animators have everybody told.
    "aside": "workspace",
    "installation": "workspace name credentials",  # Sealed; nobody's name is kept, not even who connected it.
    "spent": "mark",  # Random marks.
    "channel": "ref workspace name tags language zone",  # A direct conversation has an id, and nobody's name.
    "commit_mark": "writer mark",
    "change": "workspace subject item id before after",  # What the calendar was and is: the animators' words.
    "decision": "what",
    "delivery": "workspace feature kind verb emoji state reason token",
    "effect": "workspace channel item",
    "erasure": "what",
    "fill": "statistic",
    "headcount": "workspace scope crowd",  # Counts, none of them below the threshold.
    "inbox": "workspace event_id kind payload lane",  # Sealed while it waits; then only the platform's id is left.
    "item": "workspace id item state",  # What the animators have everybody told.
    "lease": "name owner",  # Which of the bot's processes does what.
    "crowd": "workspace scope",
    "member": "workspace",
    "note": "workspace kind",
    "occurrence": "workspace item zone state reason",
    "pause": "workspace",
    "plan": "workspace item print",
    "process": "id role version",
    "signal": "workspace source what channel about reply_to",  # Hashes of a platform's ids, under the secret.
    "signal_member": "workspace",
    "signal_period": "workspace key",  # Drawn at random, and destroyed when the month is closed.
    "tally": "workspace scope what about",
    "timer": "workspace feature name",
}
"""Of each table, the columns of text and bytes that show nobody."""


def test_every_column_that_can_hold_a_person_is_accounted_for() -> None:
    there = {
        f"{table.name}.{column.name}"
        for table in tables.Row.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (Text, LargeBinary))
    }
    nobody = {f"{table}.{column}" for table, columns in NOBODY.items() for column in columns.split()}
    assert set(EXPORTED) & nobody == set()
    assert there == set(EXPORTED) | nobody


def held(connection: Connection, keys: Keys, member: MemberRef) -> dict[str, int]:
    """Every column of every table that shows who the member is, by their id, their name or a key of theirs, with how
    many rows do."""
    secret = [keys.of_member(member), *keys_of(connection, keys, member)]
    found: dict[str, int] = {}
    for table in tables.Row.metadata.sorted_tables:
        for row in connection.execute(select(table)):
            for column, value in row._mapping.items():
                if shows(value, secret):
                    found[f"{table.name}.{column}"] = found.get(f"{table.name}.{column}", 0) + 1
    return found


def shows(value: Any, secret: Sequence[bytes]) -> bool:
    if isinstance(value, str):
        return any(sign in value.casefold() for sign in SIGNS)
    return isinstance(value, (bytes, memoryview)) and any(key in bytes(value) for key in secret)


async def do_everything(play: Stage) -> None:
    """Zoé does all that leaves something behind, in a channel and with the bot alone."""
    await play.arrive(ZOE)
    root = await play.say(ANN, "general", "who knows?")
    await play.say(ZOE, "general", "I do", root)
    await play.say(ZOE, "general", "@allant how do I mute a channel?")
    for command in (
        "me away 2w",
        "me away back",
        "me hours 9:00-18:00",
        "report stop",
        "report",
        "calendar feed",
        "calendar pause launch-01-hello",
        "pause everything for 2 hours",
        "me export",
        "faq how do I mute a channel",
    ):
        await play.say(ZOE, "general", f"/allant {command}")
        await play.tell(ZOE, f"/allant {command}")
    await play.wait(timedelta(days=3))


async def test_what_is_held_about_a_person_is_theirs_to_see_and_to_have_erased(tmp_path: Path) -> None:
    async with stage(tmp_path, people=PEOPLE) as play:
        await do_everything(play)
        store, member = play.allant.store, play.member(ZOE.id)
        before = await store._database.read(lambda connection: held(connection, store._keys, member))
        assert {"member.name", "note.member", "timer.member", "delivery.meant_for", "pause.by"} <= set(before)
        assert {"change.by", "signal.member_key", "signal_member.member_key"} <= set(before)
        unaccounted = set(before) - set(EXPORTED)
        assert unaccounted == set()

        await play.tell(ZOE, "/allant me export")
        [file] = play.told(ZOE)[-1].files
        known = json.loads(file.text)
        for column in before:
            assert known[EXPORTED[column]], f"{column} is not in the export"

        await play.tell(ZOE, "/allant me forget confirm")
        after = await store._database.read(lambda connection: held(connection, store._keys, member))
        # Marks under a key that is nobody's name: without them, nobody could stay forgotten.
        assert set(after) <= {"forgotten.member_key", "erasure.member_key"}


async def test_the_words_of_an_answer_in_a_direct_conversation_do_not_stay(tmp_path: Path) -> None:
    async with stage(tmp_path, people=PEOPLE) as play:
        await play.tell(ANN, "/allant me export")
        rows = await play.allant.store._database.read(lambda c: c.execute(select(tables.deliveries)).all())
        assert [row.message for row in rows if row.meant_for] == [None]
