"""The policy as it is for one channel, one person, or one zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from bot.core.community import Channel, Hours, Member
from bot.core.localtime import known_zone
from bot.core.policy import PolicyRules, with_hours
from bot.core.ports import ChannelRules, Where
from bot.timetable.publicholidays import KnownRules

_FIELDS = tuple(each.name for each in fields(Hours))
_NAMES = tuple(each.name for each in fields(PolicyRules))


def channel_key(name: str) -> str:
    """A channel's name as it is compared: without the #, in any case."""
    return name.strip().removeprefix("#").casefold()


class Places:
    """One version of the policy and the channels; the rules of each place are made once."""

    def __init__(self, policy: PolicyRules, channels: Mapping[str, ChannelRules]) -> None:
        self._policy = policy
        self._channels = channels
        self._made: dict[tuple[str, Hours | None], PolicyRules] = {}
        self._hours = {
            name: Hours(**{each: getattr(rules, each) for each in _FIELDS}) for name, rules in channels.items()
        }

    def at(self, where: Where) -> PolicyRules:
        """The rules of a zone with the workspace's days off, or those given."""
        return self._rules(where, None) if isinstance(where, str) else where

    def of(self, channel: Channel | None = None, member: Member | None = None) -> PolicyRules:
        """The rules of a channel, of a member, or of the workspace."""
        if member is not None:
            return self._rules(known_zone(member.zone, ""), member.hours)
        if channel is not None:
            named = self._channels.get(channel_key(channel.name))
            zone = named.zone if named is not None and named.zone else channel.zone
            return self._rules(known_zone(zone, ""), self._hours.get(channel_key(channel.name)))
        return self._rules("", None)

    def _rules(self, zone: str, hours: Hours | None) -> PolicyRules:
        key = (zone or self._policy.zone, hours)
        if key not in self._made:
            rules = replace(self._policy if hours is None else with_hours(self._policy, hours), zone=key[0])
            self._made[key] = KnownRules(**{name: getattr(rules, name) for name in _NAMES}) if rules.country else rules
        return self._made[key]
