"""The fate of one delivery: whether it may go now, how it goes, and what each way of failing means."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.coming import ComingPosts
from bot.core.delivery import Delivery, Kind, Receipt, State, Verb
from bot.core.errors import PlatformError, RateLimited, Refused, Unreachable, Unsure, where
from bot.core.events import DeliveryTroubled, DigestDue, Event
from bot.core.leases import Leases, SoleLeases
from bot.core.message import in_words
from bot.core.platform import Platform
from bot.core.policy import HoldBack, Wait
from bot.core.ports import Channels, Clock, Ledger, Members, Outbound, Timetable
from bot.core.refs import WorkspaceRef
from bot.delivery.limits import Limits
from bot.delivery.turns import Turns
from bot.delivery.verdicts import Verdicts, is_expired

log = logging.getLogger("allant.delivery")

BACKOFF_BASE = 1.0
BACKOFF_CAP = 300.0
"""Seconds. The wait before try n is drawn between 0 and base · 2ⁿ, at most the cap (“full jitter”), so that many
places which failed together do not all come back together."""
GIVE_UP_TRIES = 8
GIVE_UP_AFTER = timedelta(hours=1)
"""An unreachable platform is given up for a delivery only after this many tries *and* this long: eight tries alone
last about two minutes, and networks are away for longer."""
LOOK_AGAIN = timedelta(seconds=2)
"""Between an unclear send and finding out: a message just taken may not yet be in the platform's history."""
REPEAT_WITHIN = timedelta(hours=12)
"""Platforms remember keys for a while only (Synapse: transaction ids for a day): later a repeat is not safe."""
TIMEOUT = 60.0
"""Seconds after which a platform that says nothing is taken as unclear, so that it blocks no slot for ever."""
BROKEN_TRIES = 3
"""How often a message on which the adapter itself stumbles is tried: what is wrong with it stays wrong, and meanwhile
nothing else goes to its place."""
DIGEST_AGAIN = timedelta(minutes=10)
"""After a digest that could not be made."""
TURN_AGAIN = timedelta(seconds=0.02)
"""Between two looks for a turn of the workspace. Turns wait ten times as long for whoever takes them."""
LONGEST_WAIT = 3600.0
"""Seconds. A platform that asks for a longer wait is asked again after this."""

Jitter = Callable[[float], float]


def full_jitter(top: float) -> float:
    """A wait of 0 to ``top`` seconds."""
    return random.uniform(0.0, top)  # noqa: S311  # Spreading load, no secret.


@dataclass(frozen=True, slots=True)
class Rest:
    """The delivery's place must rest until ``until``. ``limited``: the platform asked. ``half_sent``: a delivery there
    is still to be cleared up, nothing else may go to the place before. ``paced``: only our own limits are in the way,
    and nothing was done; ``workspace``: those of the whole workspace."""

    until: datetime
    limited: bool = False
    half_sent: bool = False
    paced: bool = False
    workspace: bool = False


class Courier:
    """Takes one delivery at a time; the caller sees to it that a place has one in hand at most."""

    def __init__(
        self,
        outbound: Outbound,
        ledger: Ledger,
        members: Members,
        channels: Channels,
        timetable: Timetable,
        platforms: Mapping[WorkspaceRef, Platform],
        clock: Clock,
        limits: Limits,
        on_trouble: Callable[[Event], Awaitable[None]],
        jitter: Jitter = full_jitter,
        leases: Leases | None = None,
        coming_posts: ComingPosts | None = None,
    ) -> None:
        self._outbound = outbound
        self._ledger = ledger
        self._verdicts = Verdicts(ledger, members, channels, timetable, coming_posts)
        self._platforms = platforms
        self._clock = clock
        self._limits = limits
        self._leases = leases or SoleLeases()
        self._turns = Turns(self._leases, limits)
        self._on_trouble = on_trouble
        self._jitter = jitter
        self._settling: dict[int, int] = {}
        self._broken: dict[int, int] = {}
        self.sent = 0
        """How many went out since the start."""

    async def deliver(self, delivery: Delivery) -> Rest | None:
        """Send it, put it off, or hold it back. None when the place may go on with its next."""
        now = self._clock.now()
        platform = self._platforms.get(delivery.workspace)
        if platform is None:
            return await self._put_off(delivery, "not_connected")
        ready = self._limits.ready_at(delivery.to, now)
        if ready > now:
            return Rest(ready, paced=True, workspace=self._limits.place_ready_at(delivery.to, now) <= now)
        ready = await self._turns.ready_at(delivery.workspace, now)
        if ready > now:
            return Rest(max(ready, now + TURN_AGAIN), paced=True, workspace=True)
        match await self._verdicts.of(delivery, now):
            case HoldBack(reason):
                await self._hold_back(delivery, reason)
                return None
            case Wait(until, reason):
                await self._outbound.postpone(delivery, until, reason)
                return None
        if delivery.reason == "for_digest" and await self._digest(delivery, now):
            return None
        # By the clock as it is now: judging took a while, and others took tokens meanwhile.
        now = self._clock.now()
        if not self._limits.take(delivery.to, now):
            return Rest(self._limits.ready_at(delivery.to, now), paced=True)
        if not self._turns.take(delivery.workspace, now):
            self._limits.give_back(delivery.to)
            return Rest(now + TURN_AGAIN, paced=True, workspace=True)
        if not await self._outbound.sending(delivery, now):
            # Erased, skipped or taken meanwhile. A short rest, so that a store which disagrees makes no busy loop.
            return Rest(now + timedelta(seconds=1))
        if not self._leases.valid:
            # The database was away for so long that another process goes on here: it will find this one half-sent.
            return Rest(now, half_sent=True)
        return await self._send(delivery, platform)

    async def settle(self, delivery: Delivery) -> Rest | None:
        """Find out about a delivery left half-sent: send it again where that is safe, look it up where that works,
        otherwise say that nobody knows."""
        platform = self._platforms.get(delivery.workspace)
        if platform is None:
            return None  # It stays half-sent until its workspace is connected again.
        now = self._clock.now()
        late = is_expired(delivery, now) or now - delivery.due > REPEAT_WITHIN
        repeat = _repeatable(delivery, platform) and not late
        if not repeat and not _tellable(delivery, platform):
            await self._close(delivery, State.UNCERTAIN, "unclear")
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                receipt = await platform.do(_fitting(delivery, platform)) if repeat else await platform.find(delivery)
        except RateLimited as error:
            return Rest(self._after(error), limited=True, half_sent=True)
        except Refused as error:
            await self._close(delivery, State.FAILED, _reason(error))
            return None
        except Exception as error:
            return await self._still_unclear(delivery, error)
        self._settling.pop(delivery.id, None)
        if receipt is not None:
            await self._sent(delivery, receipt)
        elif self._broken.get(delivery.id, 0) >= BROKEN_TRIES:
            await self._close(delivery, State.FAILED, "broken")
        elif delivery.attempts + 1 >= GIVE_UP_TRIES and now - (delivery.planned_for or now) >= GIVE_UP_AFTER:
            await self._close(delivery, State.FAILED, "not_arrived")
        else:
            # Looked up, it is not there: at once the first time, later and later if it never gets there.
            pause = self._backoff(delivery.attempts) if delivery.attempts else timedelta()
            await self._outbound.postpone(delivery, now + pause, "not_arrived")
            return Rest(now + pause) if pause else None
        return None

    async def _digest(self, delivery: Delivery, now: datetime) -> bool:
        """Have what waits in the place told together with ``delivery``. False when it is to go by itself: it is alone,
        and not too late for that."""
        parts = await self._ledger.for_digest(delivery.to, now)
        if delivery.id not in [part.id for part in parts]:
            return True  # Told with another a moment ago.
        if len(parts) < 2 and (delivery.expires is None or now <= delivery.expires):
            return False
        event = DigestDue(
            id=f"digest/{delivery.id}/{now.isoformat()}", at=now, workspace=delivery.workspace, parts=tuple(parts)
        )
        await self._on_trouble(event)
        # Nothing happens when it was merged; otherwise it neither stays due for ever nor holds up what comes after.
        await self._outbound.postpone(delivery, now + DIGEST_AGAIN, "for_digest")
        return True

    async def _send(self, delivery: Delivery, platform: Platform) -> Rest | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                receipt = await platform.do(_fitting(delivery, platform))
        except RateLimited as error:
            until = self._after(error)
            await self._outbound.postpone(delivery, until, "rate_limited")
            return Rest(until, limited=True)
        except Unreachable:
            return await self._put_off(delivery, "unreachable")
        except Refused as error:
            await self._close(delivery, State.FAILED, _reason(error))
            return None
        except Exception as error:
            if not isinstance(error, (Unsure, TimeoutError)):
                log.error("%s failed on a delivery: %s", type(platform).__name__, where(error))
            self._count_broken(delivery, error)
            if _repeatable(delivery, platform) or _tellable(delivery, platform):
                return Rest(self._clock.now() + LOOK_AGAIN, half_sent=True)
            await self._close(delivery, State.UNCERTAIN, "broken" if delivery.id in self._broken else "unclear")
            return None
        finally:
            self._limits.sent(delivery.to, self._clock.now())
        await self._sent(delivery, receipt)
        return None

    async def _sent(self, delivery: Delivery, receipt: Receipt) -> None:
        """Write down that it went out. It did, so a store that stumbles is asked again before we give up."""
        self._broken.pop(delivery.id, None)
        now = self._clock.now()
        for pause in (0.05, 0.2, 1.0, 3.0):
            try:
                await self._outbound.sent(delivery, receipt, now)
                break
            except Exception as error:
                log.error("a sent delivery could not be written down, trying again: %s", type(error).__name__)
                await asyncio.sleep(pause)
        else:
            await self._outbound.sent(delivery, receipt, now)
        self.sent += 1

    async def _put_off(self, delivery: Delivery, reason: str) -> Rest | None:
        """It certainly did not arrive: again later, or given up."""
        now = self._clock.now()
        tries = delivery.attempts + 1
        first = delivery.planned_for or delivery.due
        if tries >= GIVE_UP_TRIES and now - first >= GIVE_UP_AFTER:
            await self._close(delivery, State.FAILED, reason)
            return None
        until = now + self._backoff(tries)
        if delivery.expires is not None:
            if now >= delivery.expires:
                await self._close(delivery, State.FAILED, reason)
                return None
            until = min(until, delivery.expires)
        await self._outbound.postpone(delivery, until, reason)
        return Rest(until)

    async def _still_unclear(self, delivery: Delivery, error: Exception) -> Rest | None:
        tries = self._settling[delivery.id] = self._settling.get(delivery.id, 0) + 1
        log.warning("delivery %d is still unclear after %d tries: %s", delivery.id, tries, type(error).__name__)
        now = self._clock.now()
        if self._count_broken(delivery, error) >= BROKEN_TRIES:
            await self._close(delivery, State.UNCERTAIN, "broken")
            return None
        if tries >= GIVE_UP_TRIES and now - delivery.due >= GIVE_UP_AFTER:
            await self._close(delivery, State.UNCERTAIN, "unclear")
            return None
        return Rest(now + self._backoff(tries), half_sent=True)

    def _count_broken(self, delivery: Delivery, error: Exception) -> int:
        """How often the adapter stumbled over this delivery, which is no trouble of the network or the platform."""
        if not isinstance(error, (PlatformError, OSError)):  # TimeoutError is an OSError.
            self._broken[delivery.id] = self._broken.get(delivery.id, 0) + 1
        return self._broken.get(delivery.id, 0)

    async def _hold_back(self, delivery: Delivery, reason: str) -> None:
        if reason == "expired" and delivery.reason in ("unreachable", "rate_limited", "not_connected"):
            await self._close(delivery, State.FAILED, delivery.reason)
        else:
            await self._close(delivery, State.HELD_BACK, reason)

    async def _close(self, delivery: Delivery, state: State, reason: str) -> None:
        """Write down the end, and tell the animators of what failed and of every planned post that will not appear."""
        await self._outbound.close(delivery, state, reason)
        self._settling.pop(delivery.id, None)
        self._broken.pop(delivery.id, None)
        if delivery.verb is Verb.HOME or (state is State.HELD_BACK and delivery.kind is not Kind.POST):
            return
        log.warning("delivery %d (%s) ended %s: %s", delivery.id, delivery.kind, state, reason)
        if delivery.kind is Kind.NOTICE:
            return  # A notice that animators get no notices would go round for ever.
        event = DeliveryTroubled(
            id=f"delivery/{delivery.id}/{state}",
            at=self._clock.now(),
            workspace=delivery.workspace,
            delivery=replace(delivery, state=state, reason=reason),
        )
        try:
            await self._on_trouble(event)
        except Exception as error:
            log.error("nobody could be told that delivery %d ended %s: %s", delivery.id, state, type(error).__name__)

    def _backoff(self, tries: int) -> timedelta:
        return timedelta(seconds=self._jitter(min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(tries, 30))))

    def _after(self, error: RateLimited) -> datetime:
        return self._clock.now() + timedelta(seconds=min(max(error.retry_after, 0.1), LONGEST_WAIT))


def _fitting(delivery: Delivery, platform: Platform) -> Delivery:
    """The delivery without what its platform cannot show, which stands there in words instead."""
    message = in_words(delivery.message, images=platform.can.images, files=platform.can.files)
    return delivery if message is delivery.message else replace(delivery, message=message)


def _repeatable(delivery: Delivery, platform: Platform) -> bool:
    """Whether doing it twice is the same as once: a home that is shown again shows the same, and to edit, withdraw,
    react or admit once more changes nothing. Only a message can be there twice."""
    return platform.can.safe_to_repeat or delivery.verb is not Verb.SEND


def _tellable(delivery: Delivery, platform: Platform) -> bool:
    """Whether the platform can be asked if it arrived."""
    return platform.can.can_look_up and platform.can_tell(delivery)


def _reason(error: Refused) -> str:
    return f"refused: {error}"[:200] if str(error) else "refused"
