"""The way out: the outbox, the limits of each platform, and what happens after a crash."""

from bot.delivery.limits import Limits, Pace, Rate
from bot.delivery.outbox import Outbox

__all__ = ["Limits", "Outbox", "Pace", "Rate"]
