"""What the bot can do in a group and what not, in words for whoever let it in."""

from __future__ import annotations

from dataclasses import dataclass

from telegram import ChatMember, ChatMemberAdministrator, ChatMemberRestricted, User

from bot.core.message import Markup
from bot.core.refs import Language
from bot.platforms.telegram.words import say


@dataclass(frozen=True, slots=True)
class Standing:
    """The bot's rights in one group. ``reads``: it sees all messages; ``people``: who comes and reactions; ``admits``:
    it may let people in who ask."""

    speaks: bool
    reads: bool
    people: bool
    admits: bool


def standing_of(me: User, member: ChatMember) -> Standing:
    """An administrator sees everything; others what the privacy mode set at @BotFather lets them see."""
    admin = member.status in (ChatMember.ADMINISTRATOR, ChatMember.OWNER)
    speaks = member.can_send_messages if isinstance(member, ChatMemberRestricted) else True
    if isinstance(member, ChatMemberAdministrator) and member.can_post_messages is False:
        speaks = False
    return Standing(
        speaks=speaks,
        reads=admin or bool(me.can_read_all_group_messages),
        people=admin,
        admits=isinstance(member, ChatMemberAdministrator) and member.can_invite_users,
    )


def standing(language: Language, title: str, me: User, member: ChatMember) -> Markup:
    """Markdown: what it can do, what it cannot, and how to change that."""
    found = standing_of(me, member)
    keys = (
        "can_speak" if found.speaks else "cannot_speak",
        "reads_all" if found.reads else "reads_commands",
        "sees_people" if found.people else "sees_few_people",
        "lets_in" if found.admits else "lets_nobody_in",
    )
    lines = [say(language, "standing_head", title=title), "", *(f"- {say(language, key)}" for key in keys)]
    return Markup("\n".join(lines))
