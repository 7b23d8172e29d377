"""iCalendar (RFC 5545): the calendar as a feed to subscribe to, and events of other calendars as draft items."""

from bot.ical.feed import Entry, feed, uid
from bot.ical.reading import Imported, Untold, read_events

__all__ = ["Entry", "Imported", "Untold", "feed", "read_events", "uid"]
