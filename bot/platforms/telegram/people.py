"""Who comes, who goes, and who calls themselves otherwise than before."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from functools import partial

from telegram import ChatMemberUpdated, Update, User

from bot.core.community import Member
from bot.core.events import MemberChanged, MemberJoined, MemberLeft
from bot.platforms.telegram import reading
from bot.platforms.telegram.keeping import Memory, Person
from bot.platforms.telegram.reading import Names, Reading

REMEMBERED = 5_000


class People:
    """Reads what updates say of people. Telegram lists nobody: who is where is what we were told and saw."""

    def __init__(self, memory: Memory, names: Names) -> None:
        self._memory = memory
        self.names = names
        self.known: OrderedDict[int, Member] = OrderedDict()
        """Those who came or spoke since the start, as told."""

    async def changed(self, update: Update, told: ChatMemberUpdated, found: Reading) -> None:
        user = told.new_chat_member.user
        if reading.is_in(told.new_chat_member):
            await self.joined(update, user, told.chat.id, told.date, found)
        else:
            await self.left(update, user, told.chat.id, told.date, found)

    async def joined(self, update: Update, user: User, chat: int, at: datetime, found: Reading) -> None:
        """Told twice, by a service message and to administrators: the second time we know them already."""
        known = await self._memory.person(user.id)
        groups = await self.groups(user)
        if str(chat) in groups:
            return
        member = self.names.person(user, guest=False)
        identifier = f"{update.update_id}/{user.id}"
        if not groups:
            found.events.append(
                MemberJoined(id=f"{identifier}/workspace", at=at, workspace=self.names.workspace, member=member)
            )
        found.events.append(
            MemberJoined(
                id=identifier,
                at=at,
                workspace=self.names.workspace,
                member=member,
                channel=self.names.channel_ref(chat),
            )
        )
        self.remember(user, member, [*groups, str(chat)], known, found)

    async def left(self, update: Update, user: User, chat: int, at: datetime, found: Reading) -> None:
        known = await self._memory.person(user.id)
        groups = await self.groups(user)
        if known is None or str(chat) not in groups:
            return
        ref, identifier = self.names.member_ref(user.id), f"{update.update_id}/{user.id}"
        found.events.append(
            MemberLeft(
                id=identifier,
                at=at,
                workspace=self.names.workspace,
                member=ref,
                channel=self.names.channel_ref(chat),
            )
        )
        rest = [each for each in groups if each != str(chat)]
        if not rest:
            found.events.append(
                MemberLeft(id=f"{identifier}/workspace", at=at, workspace=self.names.workspace, member=ref)
            )
        self.known.pop(user.id, None)
        self.remember(user, self.names.person(user, guest=not rest), rest, known, found, told=bool(rest))

    async def seen(self, update: Update, user: User, found: Reading, *, group: int | None) -> None:
        """Somebody did something: told when they are new to us or call themselves otherwise."""
        if user.is_bot:
            return
        known = await self._memory.person(user.id)
        groups = await self.groups(user)
        now_in = [*groups, str(group)] if group is not None and str(group) not in groups else groups
        member = self.names.person(user, guest=not now_in)
        if reading.changed(known, member):
            found.events.append(
                MemberChanged(
                    id=f"{update.update_id}/member",
                    at=reading.now(),
                    workspace=self.names.workspace,
                    member=member,
                )
            )
        elif now_in == groups:
            return
        self.remember(user, member, now_in, known, found)

    async def groups(self, user: User) -> list[str]:
        """The groups the person was seen in, under the ids they have now."""
        known = await self._memory.person(user.id)
        return [str(await self._memory.now(int(each))) for each in known.groups] if known else []

    def remember(
        self,
        user: User,
        member: Member,
        groups: list[str],
        known: Person | None,
        found: Reading,
        *,
        told: bool = True,
    ) -> None:
        if user.is_bot:
            return
        if told:
            self.known[user.id] = member
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        person = Person(member.name, member.language, groups, member.guest)
        found.after.append(partial(self._memory.keep_person, user.id, person))
        if user.username and (known is None or known.name != member.name):
            found.after.append(partial(self._memory.keep_username, user.username, user.id))
