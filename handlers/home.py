"""Home: the page that a platform gives the bot for each person, made of what every feature has to show them.

It is shown when somebody opens it, and shown anew when something on it changes, to those who had it open lately.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.actions import Remember, SetTimer, ShowHome
from bot.core.community import Member
from bot.core.errors import BadInput
from bot.core.events import CommandGiven, FilesChanged, HomeOpened
from bot.core.feature import Command, Context, Feature, HomePart, Listener, TimerFired
from bot.core.forms import as_message
from bot.core.message import Message, Section
from bot.core.refs import MemberRef

SEATS = 32
"""So many homes at most are shown anew by themselves. Each member has one seat, and whoever opens their home last takes
it: who lost theirs sees what is new when they look again."""
LATELY = timedelta(hours=1)
"""After so long a home counts as closed: platforms do not tell."""
AFTER_OTHERS = timedelta(seconds=10)
"""What others do shows after this long, all of it at once."""
EVERY = timedelta(minutes=5)
"""Time passes as well: posts go out, channels fall silent."""
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Seat:
    """Who opened their home when, which page each of its parts shows, and a fingerprint of what was shown last."""

    member: MemberRef
    at: datetime
    pages: dict[str, int]
    print: str = ""


# What is shown


def parts_of(ctx: Context, member: Member) -> list[HomePart]:
    """The parts of this member's home, in their order."""
    parts = [each for each in ctx.ports.home if member.role >= each.role and (each.guests or not member.guest)]
    return sorted(parts, key=lambda each: (each.place, each.name))


async def view(ctx: Context, member: Member, pages: dict[str, int], only: str = "") -> Message:
    """The member's home, or one part of it."""
    sections: list[Section] = []
    for part in parts_of(ctx, member):
        if only in ("", part.name):
            made = await part.make(ctx, member, pages.get(part.name, 1))
            sections += [made] if made is not None else []
    return Message("", sections=tuple(sections))


def print_of(message: Message) -> str:
    """Equal for views that show the same."""
    return hashlib.blake2b(repr(message.sections).encode(), digest_size=12).hexdigest()


def seat_of(member: MemberRef) -> str:
    """Where the member sits: always the same."""
    return f"{zlib.crc32(member.id.encode()) % SEATS:02d}"


async def _show(ctx: Context, member: Member, pages: dict[str, int], before: Seat | None, at: datetime) -> None:
    """Have the home shown, unless it shows the same already (``before``); ``at``: when it was opened."""
    shown = await view(ctx, member, pages)
    seat = Seat(member.ref, at, pages, print_of(shown))
    if before != seat and await ctx.members.get(member.ref) is not None:  # Nothing is kept of who was forgotten.
        ctx.do(Remember(seat_of(member.ref), seat, member.ref))
    if before is None or before.print != seat.print:
        ctx.do(ShowHome(member.ref, shown))


# Opening and turning pages


async def on_opened(ctx: Context, event: HomeOpened) -> None:
    await _show(ctx, await ctx.member(event.member), {}, None, ctx.now)
    if await ctx.timers.get(ctx.workspace, "home", "refresh", "") is None:
        ctx.do(SetTimer("refresh", "", ctx.now + EVERY))


async def home(ctx: Context, command: CommandGiven, arguments: str) -> None:
    """``/allant home [PART PAGE]``: in the home that page is turned to; elsewhere it is the answer."""
    member = await ctx.member(command.member)
    words = arguments.split()
    part = words[0].casefold() if words else ""
    if part and part not in [each.name for each in parts_of(ctx, member)]:
        names = ", ".join(each.name for each in parts_of(ctx, member))
        raise BadInput(ctx.words(member.language, "home.no_part", text=words[0], names=names))
    number = words[1] if len(words) > 1 else "1"
    page = min(int(number), MOST_PAGES) if number.isascii() and number.isdigit() and len(number) < 9 else 1
    if command.home:
        seat = await _seated(ctx, member.ref)
        pages = {**(seat.pages if seat is not None else {}), part: page} if part else {}
        await _show(ctx, member, pages, None, ctx.now)
        return
    shown = await view(ctx, member, {part: page}, part)
    ctx.reply(command, as_message(shown) if shown.sections else ctx.words(member.language, "home.nothing"))


async def _seated(ctx: Context, member: MemberRef) -> Seat | None:
    seat = await ctx.note(Seat, seat_of(member))
    return seat if seat is not None and seat.member == member and seat.at > ctx.now - LATELY else None


# Showing anew


async def on_command(ctx: Context, event: CommandGiven) -> None:
    """Whoever did something sees it at once; the others who look, a little later."""
    seats = await _taken(ctx)
    if any(seat.member == event.member for seat in seats):
        ctx.do(SetTimer("own", event.member.id, ctx.now, event.member))
    if any(seat.member != event.member for seat in seats):
        await _soon(ctx)


async def on_files_changed(ctx: Context, event: FilesChanged) -> None:
    if await _taken(ctx):
        await _soon(ctx)


async def _soon(ctx: Context) -> None:
    timer = await ctx.timers.get(ctx.workspace, "home", "refresh", "")
    if timer is None or timer.due > ctx.now + AFTER_OTHERS:
        ctx.do(SetTimer("refresh", "", ctx.now + AFTER_OTHERS))


async def _taken(ctx: Context) -> list[Seat]:
    """Those who had their home open lately."""
    seats = await ctx.notes.all(ctx.workspace, Seat)
    return [seat for seat in seats.values() if seat.at > ctx.now - LATELY]


async def own(ctx: Context, fired: TimerFired) -> None:
    """What somebody did shows in their own home."""
    seat = await _seated(ctx, MemberRef(ctx.workspace, fired.key))
    if seat is not None:
        await _show(ctx, await ctx.member(seat.member), seat.pages, seat, seat.at)


async def refresh(ctx: Context, fired: TimerFired) -> None:
    """Every home that is open shows what is so now."""
    seats = await _taken(ctx)
    for seat in seats:
        await _show(ctx, await ctx.member(seat.member), seat.pages, seat, seat.at)
    if seats:
        ctx.do(SetTimer("refresh", "", ctx.now + EVERY))


FEATURE = Feature(
    name="home",
    commands=(Command(path=("home",), french=("accueil",), run=home, has_arguments=True),),
    listeners=(
        Listener(HomeOpened, on_opened),
        Listener(CommandGiven, on_command),
        Listener(FilesChanged, on_files_changed),
    ),
    timers={"own": own, "refresh": refresh},
)
