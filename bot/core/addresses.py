"""Which calendar feeds there are: who asked for which, and how its private address is told from a guess."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256

from bot.core.refs import ChannelRef, MemberRef


@dataclass(frozen=True, slots=True)
class Subscription:
    """A calendar feed somebody asked for: of one channel, or (``channel`` empty) of all that the member is responsible
    for. Both are refs as text. ``epoch`` grows when they renew the address, which ends the former one."""

    member: str
    channel: str = ""
    epoch: int = 1


def subscription_key(member: MemberRef, channel: ChannelRef | None) -> str:
    """The key of the note that keeps the subscription; also the first half of the address."""
    return sha256(f"{member}\n{channel or ''}".encode()).hexdigest()[:16]


class Addresses(ABC):
    """Where people reach Allant over the web."""

    @property
    @abstractmethod
    def public(self) -> bool:
        """Whether the administrator named the address under which others reach it."""

    @abstractmethod
    def calendar(self, key: str, subscription: Subscription) -> str:
        """The private address of the feed: the same each time, and not to be guessed."""

    @abstractmethod
    def opens(self, mark: str, key: str, subscription: Subscription) -> bool:
        """Whether ``mark``, the second half of an address, is that of this subscription."""
