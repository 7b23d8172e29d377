"""The rooms the bot is in and who is there, kept by applying each event in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.platforms.matrix.reading import DIRECT_MARK, Json, content_of, mapping, name_of, text


@dataclass(slots=True)
class Room:
    """``members`` are those who joined, with their display names. ``marked`` is the user for whom the bot made this
    direct room. ``replaced``: upgraded to another room, nobody talks here any more."""

    id: str
    name: str = ""
    alias: str = ""
    members: dict[str, str] = field(default_factory=dict)
    invited: set[str] = field(default_factory=set)
    marked: str = ""
    encrypted: bool = False
    space: bool = False
    replaced: bool = False

    @property
    def people(self) -> set[str]:
        """Everybody who is in the room or on the way."""
        return self.invited | set(self.members)


class Roster:
    """What is known of the rooms at the moment up to which events were applied. ``me`` is the bot's user id."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.rooms: dict[str, Room] = {}
        self.direct: Mapping[str, Sequence[str]] = {}
        """The m.direct account data: rooms by user."""
        self.complete = False
        """Whether the first sync was read to its end: until then what is not in here may just not have been read."""

    def room(self, identifier: str) -> Room:
        """The room, made when it is new."""
        return self.rooms.setdefault(identifier, Room(identifier))

    def apply(self, room: Room, event: Json) -> None:
        """Take over a state event; other events change nothing."""
        if "state_key" not in event:
            return
        kind, content = text(event.get("type")), content_of(event)
        if kind == "m.room.member":
            self._set_member(room, text(event["state_key"]), content)
        elif event["state_key"] != "":
            return
        elif kind == "m.room.name":
            room.name = " ".join(text(content.get("name")).split())
        elif kind == "m.room.canonical_alias":
            room.alias = text(content.get("alias"))
        elif kind == "m.room.encryption":
            room.encrypted = True
        elif kind == "m.room.create":
            room.space = content.get("type") == "m.space"
        elif kind == "m.room.tombstone":
            room.replaced = True
        elif kind == DIRECT_MARK:
            room.marked = text(content.get("with"))

    def rewind(self, room: Room, events: Iterable[Json]) -> None:
        """Take memberships back to what they were before ``events``, which are given oldest first."""
        for event in reversed(list(events)):
            if event.get("type") == "m.room.member" and "state_key" in event:
                unsigned = mapping(event.get("unsigned"))
                self._set_member(room, text(event["state_key"]), mapping(unsigned.get("prev_content")))

    @staticmethod
    def _set_member(room: Room, user: str, content: Json) -> None:
        membership = content.get("membership")
        room.members.pop(user, None)
        room.invited.discard(user)
        if membership == "join":
            room.members[user] = name_of(user, content)
        elif membership == "invite":
            room.invited.add(user)

    def is_direct(self, room: Room) -> bool:
        """Whether the bot is alone with one person there: a room made for that, or one without a name of its own."""
        if len(room.people) > 2:
            return False
        marked = any(room.id in rooms for rooms in self.direct.values())
        return bool(marked or room.marked or not (room.name or room.alias or room.space))

    def title(self, room: Room) -> str:
        """What people call the room, without a leading #."""
        named = room.name or room.alias.partition(":")[0]
        if not named and self.is_direct(room):
            named = next((name for user, name in room.members.items() if user != self.me), "")
        return named.removeprefix("#") or room.id

    def channels(self) -> Iterator[Room]:
        """The rooms where a community talks: neither direct nor spaces."""
        return (room for room in self.rooms.values() if not room.space and not self.is_direct(room))

    def in_a_channel(self, user: str) -> bool:
        return any(user in room.members for room in self.channels())

    def people(self) -> dict[str, str]:
        """Everybody in any room with their display name, the bot left out."""
        found = {user: name for room in self.rooms.values() for user, name in room.members.items()}
        found.pop(self.me, None)
        return found

    def direct_with(self, user: str) -> Room | None:
        """The direct room with ``user``: rather one they are in than one they were invited to, rather that than one
        they have left."""
        listed = self.direct.get(user, ())

        def rank(room: Room) -> int:
            return 2 if user in room.members else 1 if user in room.invited else 0

        found = [
            room
            for room in self.rooms.values()
            if self.is_direct(room)
            and room.people <= {user, self.me}
            and (user in room.people or room.marked == user or room.id in listed)
        ]
        return max(found, key=rank, default=None)
