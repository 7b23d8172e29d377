"""Who is who: the members port, and the actions about members."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from bot.core.actions import ChooseLanguage, GiveRole, MarkManager, MemberWentAway, Mute, RegisterMember, SetAbsence
from bot.core.community import Hours, Member, Role
from bot.core.delivery import Kind, State
from bot.core.ports import Members
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import rollup_tables, tables
from bot.store.codec import from_json, kind_of
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.dialect import Insert, inserting, prepared
from bot.store.roster import tell as tell_roster
from bot.store.secrecy import Keys

UNCOUNTED, FORGOTTEN = "uncounted", "forgotten"
"""What the list of erasures says that somebody asked for."""

_columns = tables.members.c
_ALL_FORGOTTEN = select(tables.forgotten.c.member_key)
_ONE_FORGOTTEN = _ALL_FORGOTTEN.where(tables.forgotten.c.member_key == bindparam("member_key"))


_UNCOUNTED = select(rollup_tables.erasures.c.member_key).where(rollup_tables.erasures.c.what == UNCOUNTED)
"""Few people ask not to be counted: reading them all beats asking for each."""

_note = tables.notes.c
_WITH_HOURS = select(tables.members, _note.value.label("hours")).outerjoin(
    tables.notes, and_(_note.member == _columns.ref, _note.kind == kind_of(Hours))
)
"""People with the hours they chose, which are a note about them: erased and exported with all others."""


def _folded(text: str) -> str:
    return text.strip().removeprefix("@").casefold()


def to_member(row: Row[Any]) -> Member:
    return Member(
        ref=MemberRef.parse(row.ref),
        name=row.name,
        language=row.language,
        zone=row.zone,
        guest=row.guest,
        manager=row.manager,
        bot=row.bot,
        active=row.active,
        role=Role(row.role),
        language_chosen=row.language_chosen,
        muted_until=row.muted_until,
        away_until=row.away_until,
        joined_at=row.joined_at,
        team=row.team,
        hours=from_json(Hours, row.hours) if row.hours else None,
    )


def _values(member: Member) -> dict[str, Any]:
    return {
        "ref": str(member.ref),
        "workspace": str(member.ref.workspace),
        "name": member.name,
        "folded_name": _folded(member.name),
        "folded_id": _folded(member.ref.id),
        "language": member.language,
        "language_chosen": member.language_chosen,
        "zone": member.zone,
        "guest": member.guest,
        "manager": member.manager,
        "bot": member.bot,
        "active": member.active,
        "role": int(member.role),
        "muted_until": member.muted_until,
        "away_until": member.away_until,
        "joined_at": member.joined_at,
        "team": member.team,
    }


class StoredMembers(Members):
    """The members in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, ref: MemberRef) -> Member | None:
        found = await self._find(_columns.ref == str(ref))
        return found[0] if found else None

    async def with_role(self, workspace: WorkspaceRef, role: Role) -> Sequence[Member]:
        return await self._find(
            _columns.workspace == str(workspace), _columns.role >= int(role), _columns.active.is_(True)
        )

    async def named(self, workspace: WorkspaceRef, name: str) -> Member | None:
        """An id names its member whoever else is called so; a display name only somebody who is still there."""
        wanted = _folded(name)
        found = await self._find(
            _columns.workspace == str(workspace), or_(_columns.folded_name == wanted, _columns.folded_id == wanted)
        )
        by_id = [member for member in found if _folded(member.ref.id) == wanted]
        chosen = by_id or [member for member in found if member.active]
        return chosen[0] if len(chosen) == 1 else None

    async def zones(self, workspace: WorkspaceRef) -> Sequence[str]:
        statement = select(_columns.zone).where(*_present(workspace)).distinct()
        return await self._database.read(lambda connection: sorted(connection.scalars(statement)))

    async def page(
        self,
        workspace: WorkspaceRef,
        *,
        after: str = "",
        limit: int = 500,
        zones: Collection[str] | None = None,
        role: Role = Role.MEMBER,
        managers: bool = False,
        joined_since: datetime | None = None,
    ) -> Sequence[Member]:
        where = [*_present(workspace), _columns.ref > (f"{workspace}/{after}" if after else "")]
        if zones is not None:
            where.append(_columns.zone.in_(zones))
        if role > Role.MEMBER:
            where.append(_columns.role >= int(role))
        if managers:
            where.append(_columns.manager.is_(True))
        if joined_since is not None:
            where.append(_columns.joined_at >= joined_since)
        statement = _WITH_HOURS.where(*where).order_by(_columns.ref).limit(limit)
        return await self._database.read(lambda connection: [to_member(row) for row in connection.execute(statement)])

    async def _find(self, *where: ColumnElement[bool]) -> list[Member]:
        statement = _WITH_HOURS.where(*where).order_by(_columns.folded_name, _columns.ref)
        return await self._database.read(lambda connection: [to_member(row) for row in connection.execute(statement)])


def _present(workspace: WorkspaceRef) -> tuple[ColumnElement[bool], ...]:
    return (_columns.workspace == str(workspace), _columns.active.is_(True), _columns.bot.is_(False))


def register_members(connection: Connection, keys: Keys, members: Sequence[Member]) -> None:
    """Write down what the platform says. What the person chose stays, and who asked to be forgotten is left out."""
    by_key = {keys.of_member(member.ref): member for member in members}
    gone = forgotten_among(connection, list(by_key))
    rows = [_values(member) for key, member in by_key.items() if key not in gone]
    # In one order, so that two processes which write the same people down do not hold each other up.
    rows.sort(key=lambda row: str(row["ref"]))
    if rows:
        connection.execute(_registering(connection), rows)


@prepared
def _registering(insert: Insert) -> Executable:
    statement = insert(tables.members)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["ref"],
        set_={
            **{name: new[name] for name in ("name", "folded_name", "zone", "guest", "bot", "active")},
            "language": case((_columns.language_chosen.is_(True), _columns.language), else_=new.language),
            "joined_at": func.coalesce(_columns.joined_at, new.joined_at),
            # What the platform does not say, an administrator may have: it stays.
            "team": case((new.team != "", new.team), else_=_columns.team),
        },
    )


def forgotten_among(connection: Connection, member_keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys whose members asked to be forgotten."""
    if len(member_keys) == 1:
        return set(connection.scalars(_ONE_FORGOTTEN, {"member_key": member_keys[0]}))
    # Few people ask to be forgotten: reading them all beats asking for thousands.
    return set(connection.scalars(_ALL_FORGOTTEN))


def not_counted_among(connection: Connection, member_keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys whose members asked to be forgotten, or not to be counted."""
    return forgotten_among(connection, member_keys) | set(connection.scalars(_UNCOUNTED))


def is_uncounted(connection: Connection, member_key: bytes) -> bool:
    """Whether this member asked not to be counted."""
    return connection.scalar(_UNCOUNTED.where(rollup_tables.erasures.c.member_key == member_key)) is not None


def register_member(commit: Commit, action: RegisterMember) -> None:
    register_members(commit.connection, commit.keys, [action.member])


def member_went_away(commit: Commit, action: MemberWentAway) -> None:
    """Their timers end, and what was planned for them unasked is held back; answers are left to the outbox."""
    ref = str(action.member)
    _change(commit, action.member, active=False)
    commit.connection.execute(delete(tables.timers).where(tables.timers.c.member == ref))
    planned = tables.deliveries.c
    commit.connection.execute(
        update(tables.deliveries)
        .where(
            planned.place == f"@{ref}",
            planned.state == State.PLANNED.value,
            planned.kind.in_([kind.value for kind in Kind if kind.unasked]),
        )
        .values(state=State.HELD_BACK.value, reason="gone", message=None)
    )


def choose_language(commit: Commit, action: ChooseLanguage) -> None:
    _choose(commit, action.member, language=action.language, language_chosen=True)


def mute(commit: Commit, action: Mute) -> None:
    _choose(commit, action.member, muted_until=action.until)


def set_absence(commit: Commit, action: SetAbsence) -> None:
    _choose(commit, action.member, away_until=action.until)


def give_role(commit: Commit, action: GiveRole) -> None:
    _choose(commit, action.member, role=int(action.role))


def mark_manager(commit: Commit, action: MarkManager) -> None:
    _choose(commit, action.member, manager=action.manager)
    tell_roster(commit.connection, commit.keys, action.member, manager=action.manager)


def _change(commit: Commit, member: MemberRef, **values: Any) -> int:
    statement = update(tables.members).where(_columns.ref == str(member)).values(**values)
    return commit.connection.execute(statement).rowcount


def _choose(commit: Commit, member: MemberRef, **values: Any) -> None:
    """A choice holds also for somebody not registered (yet, or any more): their row then has no name."""
    if not _change(commit, member, **values):
        statement = inserting(commit.connection, tables.members).values({**_values(Member(member, name="")), **values})
        # Another process may have registered them a moment ago.
        commit.connection.execute(statement.on_conflict_do_update(index_elements=["ref"], set_=values))


def assign_team(connection: Connection, keys: Keys, member: MemberRef, team: str) -> bool:
    """The member belongs to ``team`` from now on; False when nobody knows them."""
    found = connection.execute(update(tables.members).where(_columns.ref == str(member)).values(team=team)).rowcount
    if found:
        tell_roster(connection, keys, member, team=team)
    return bool(found)
