"""The one place where what features decided becomes true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.core import actions
from bot.core.actions import Planned
from bot.core.ports import Accepted, Journal, Timer
from bot.core.refs import WorkspaceRef
from bot.store import (
    answers,
    counting,
    decisions,
    deliveries,
    editorial,
    forgetting,
    moving,
    notebook,
    occurrences,
    pausing,
    people,
    places,
    timers,
    uncounting,
)
from bot.store.commit import Commit
from bot.store.database import Database
from bot.store.inbox import mark_handled
from bot.store.secrecy import Keys, Seal
from bot.store.wakeups import PLANNED, tell

APPLY: dict[type, Callable[[Commit, Any], None]] = {
    actions.Send: deliveries.send,
    actions.Edit: deliveries.edit,
    actions.Withdraw: deliveries.withdraw,
    actions.React: deliveries.react,
    actions.Admit: deliveries.admit,
    actions.ShowHome: deliveries.show_home,
    actions.RegisterMember: people.register_member,
    actions.MemberWentAway: people.member_went_away,
    actions.ChooseLanguage: people.choose_language,
    actions.Mute: people.mute,
    actions.SetAbsence: people.set_absence,
    actions.GiveRole: people.give_role,
    actions.MarkManager: people.mark_manager,
    actions.RegisterChannel: places.register_channel,
    actions.MoveChannel: moving.move_channel,
    actions.NoteActivity: places.note_activity,
    actions.Count: counting.count,
    actions.SetTimer: timers.set_timer,
    actions.CancelTimer: timers.cancel_timer,
    actions.Remember: notebook.remember,
    actions.Drop: notebook.drop,
    actions.Forget: forgetting.forget,
    actions.Resend: decisions.resend,
    actions.Dismiss: decisions.dismiss,
    actions.Merge: decisions.merge,
    actions.PauseAll: pausing.pause_all,
    actions.ResumeAll: pausing.resume_all,
    actions.CallOff: deliveries.call_off,
    actions.Reword: deliveries.reword,
    actions.PlanOccurrences: occurrences.plan,
    actions.DropOccurrences: occurrences.drop,
    actions.MarkOccurrences: occurrences.mark,
    actions.WakeForOccurrences: occurrences.wake,
    actions.WriteItem: editorial.write_item,
    actions.RemoveItem: editorial.remove_item,
    actions.RecordChange: editorial.record_change,
    actions.WriteAnswer: answers.write_answer,
    actions.RemoveAnswer: answers.remove_answer,
    actions.Uncount: uncounting.uncount,
}
"""What makes each action true; a test holds it to bot.core.actions."""


class StoredJournal(Journal):
    """Commits to the database."""

    def __init__(self, database: Database, keys: Keys, seal: Seal) -> None:
        self._database = database
        self._keys = keys
        self._seal = seal

    async def commit(
        self,
        workspace: WorkspaceRef,
        plans: Sequence[Planned],
        *,
        at: datetime,
        source: str,
        handled: Accepted | None = None,
        fired: Timer | None = None,
    ) -> int:
        def work(connection: Connection) -> int:
            if handled is not None and not mark_handled(connection, handled, at):
                return 0
            if fired is not None and not timers.take_fired(connection, fired):
                return 0
            commit = Commit(connection, self._keys, self._seal, workspace, at, source)
            for plan in plans:
                commit.feature = plan.feature
                for action in plan.actions:
                    APPLY[type(action)](commit, action)
            if commit.counted:
                counting.record(connection, self._keys, commit.counted)
            if commit.planned or any(isinstance(each, actions.SetTimer) for plan in plans for each in plan.actions):
                tell(connection, PLANNED)
            return len(commit.planned)

        planned = await self._database.write(work)
        if any(isinstance(action, actions.Forget | actions.Uncount) for plan in plans for action in plan.actions):
            await self._database.leave_no_trace()
        return planned
