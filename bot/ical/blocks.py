"""An .ics file taken apart: each event as its own text with the line it begins on, so that one which is broken spoils
no other, and every complaint can name its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.core.errors import BadInput

MOST_BYTES = 5_000_000
MOST_EVENTS = 2_000
MOST_DEPTH = 8
MOST_LINE = 200_000
"""Characters of one property, its folded lines together: an event with more is left out."""
_WANTED = ("VEVENT", "VTIMEZONE")


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one component, unfolded; alarms and the like inside an event are left out."""

    kind: str
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\r\n".join(self.lines) + "\r\n"


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the file holds. ``others`` counts components that are neither events nor zones. ``zone``: the calendar's
    own, as some programs name it."""

    events: list[Block] = field(default_factory=list)
    zones: list[Block] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    zone: str = ""


def take_apart(data: bytes) -> Blocks:
    """Raises BadInput when the file as a whole cannot be used."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"the file is larger than {MOST_BYTES:,} bytes: export a shorter time, or one calendar")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        broken = data[: error.start].count(b"\n") + 1
        raise BadInput(f"line {broken}: not UTF-8 text; save it as UTF-8") from None
    opened: list[Block] = []
    found, zone, seen = Blocks(), "", False
    for number, line in _unfolded(text):
        name, _, value = line.partition(":")
        name, value = name.strip().upper(), value.strip()
        if name == "BEGIN":
            seen = seen or value.upper() == "VCALENDAR"
            if len(opened) >= MOST_DEPTH:
                raise BadInput(f"line {number}: parts lie in each other more than {MOST_DEPTH} deep")
            opened.append(Block(value.upper(), number, [line]))
        elif name == "END":
            if not opened or opened[-1].kind != value.upper():
                raise BadInput(f"line {number}: END:{value[:40]} ends nothing that is open; the file is damaged")
            _close(opened, line, found)
        elif opened:
            opened[-1].lines.append(line)
            if opened[-1].kind == "VCALENDAR" and name == "X-WR-TIMEZONE":
                zone = value
    if not seen:
        raise BadInput("this is not an iCalendar file: it has no BEGIN:VCALENDAR")
    if opened:
        raise BadInput(f"line {opened[-1].line}: BEGIN:{opened[-1].kind[:40]} never ends; the file is cut off")
    if len(found.events) > MOST_EVENTS:
        raise BadInput(f"the file holds more than {MOST_EVENTS:,} events: export a shorter time, or one calendar")
    return Blocks(found.events, found.zones, found.others, zone)


def _close(opened: list[Block], line: str, found: Blocks) -> None:
    block = opened.pop()
    block.lines.append(line)
    outer = opened[-1] if opened else None
    if outer is not None and outer.kind == "VTIMEZONE":
        outer.lines.extend(block.lines)
    elif outer is not None and outer.kind in _WANTED:
        return  # An alarm: ours are reminders of another kind.
    elif block.kind == "VEVENT":
        found.events.append(block)
    elif block.kind == "VTIMEZONE":
        found.zones.append(block)
    elif block.kind != "VCALENDAR":
        found.others[block.kind[:40]] += 1


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number, from 1; what a line break and a space had folded is one line again."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if line[:1] in (" ", "\t") and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield start, "".join(parts)
        start, parts = number, [line] if line.strip() else []
    if parts:
        yield start, "".join(parts)
