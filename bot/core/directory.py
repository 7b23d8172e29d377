"""The channels as features see them: what the platform says, with what schedules/channels.yaml adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.community import Channel
from bot.core.policy import PolicyRules
from bot.core.ports import Channels, Timetable
from bot.core.refs import ChannelRef, WorkspaceRef


class Directory(Channels):
    """``stored`` channels, each with the tags, language, zone and kind that the timetable names for it."""

    def __init__(self, stored: Channels, timetable: Timetable) -> None:
        self._stored = stored
        self._timetable = timetable

    async def get(self, ref: ChannelRef) -> Channel | None:
        channel = await self._stored.get(ref)
        return self._with_rules(channel) if channel is not None else None

    async def all(self, workspace: WorkspaceRef) -> Sequence[Channel]:
        return [self._with_rules(channel) for channel in await self._stored.all(workspace)]

    def _with_rules(self, channel: Channel) -> Channel:
        rules = self._timetable.channel(channel.name)
        zone = self._timetable.rules(PolicyRules).zone
        if rules is None:
            return replace(channel, zone=zone)
        return replace(
            channel, tags=rules.tags, language=rules.language, zone=rules.zone or zone, one_way=rules.one_way
        )


def addressed(channels: Sequence[Channel], to: Sequence[str]) -> list[Channel]:
    """The channels that ``to`` names (``#general``, ``tag:everyone``), each once, in the order of ``channels``."""
    names = {each.removeprefix("#").casefold() for each in to if not each.startswith("tag:")}
    tags = {each.removeprefix("tag:").casefold() for each in to if each.startswith("tag:")}
    return [
        channel
        for channel in channels
        if channel.name.casefold() in names or tags & {tag.casefold() for tag in channel.tags}
    ]
