"""What `allant rehearse` does: the coming posts played on paper, and everything that stands in their way."""

from bot.rehearsal.play import Rehearsal, rehearse
from bot.rehearsal.show import as_data, as_tables

__all__ = ["Rehearsal", "as_data", "as_tables", "rehearse"]
