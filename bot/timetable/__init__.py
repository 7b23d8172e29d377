"""When things happen: the folder schedules/ as the timetable, and the clock that fires the timers."""

from bot.timetable.changes import ItemChange, Worded, compare, said_when
from bot.timetable.clockwork import Clockwork
from bot.timetable.schedules import Schedules
from bot.timetable.writing import files_of

__all__ = ["Clockwork", "ItemChange", "Schedules", "Worded", "compare", "files_of", "said_when"]
