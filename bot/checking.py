"""content/ and schedules/ together: what each practice may say in schedules/, and everything that is wrong in both."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.errors import Problem
from bot.core.feature import Feature
from bot.core.goals import GoalRules
from bot.core.policy import PolicyRules
from bot.core.publishing import PublishingRules
from bot.library import ContentLibrary
from bot.settings import Settings
from bot.timetable import Schedules
from handlers import FEATURES


def rules_by_name(features: Sequence[Feature] = FEATURES) -> dict[str, type]:
    """The rhythm each feature declares, by its key in schedules/, the policy's, and who may publish what."""
    return {"policy": PolicyRules, "publishing": PublishingRules, "goals": GoalRules} | {
        each.name: each.rules for each in features if each.rules is not None
    }


def check_files(settings: Settings) -> list[Problem]:
    """Every problem in content/ and schedules/, by file and line."""
    library, schedules = ContentLibrary(settings.content), Schedules(settings.schedules, rules_by_name())
    problems = {*library.load(), *library.check(), *schedules.load()}
    problems |= set(schedules.check(lambda name, language: _has_page(library, name, language)))
    return sorted(problems)


def _has_page(library: ContentLibrary, name: str, language: str) -> bool:
    page = library.page(name, "fr" if language == "fr" else "en")
    return page is not None and page.language == language


def load_files(library: ContentLibrary, schedules: Schedules) -> tuple[Problem, ...]:
    """(Re)read both folders; what has a problem keeps its last good version."""
    return tuple(sorted({*library.load(), *schedules.load()}))
