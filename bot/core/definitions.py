"""What each metric is: defined here once.

The words of each are in content/messages/metrics.yaml: its title under its name, what it counts under ``<name>_is``,
what it does not mean under ``<name>_not``. The page docs/metrics.md is made from both (``python -m bot.reference``),
and a test holds it to the figures of every report. How each is computed is in bot.store.figures; tests compare that
with a straightforward computation over the signals themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Unit(StrEnum):
    """What a figure counts."""

    PEOPLE = "people"
    TIMES = "times"  # messages, reactions, questions, …
    SHARE = "share"  # from 0 to 1
    RATIO = "ratio"
    SECONDS = "seconds"
    CHANNELS = "channels"


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric. ``code`` is its formula: crowds of a day such as ``posted[d]`` are sets of people, ``Σ`` adds up the
    days of the report's weeks, ``D`` is the day of the report. ``source``: where it comes from. ``listed``: shown by
    ``allant stats``; all are in its JSON."""

    name: str
    unit: Unit
    code: str
    source: str = "Allant"
    listed: bool = True


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "active_day",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied ∪ reacted ∪ used)[d] for d in D−0…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "posting_day",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied)[d] for d in D−0…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "active_week",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied ∪ reacted ∪ used)[d] for d in D−6…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "posting_week",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied)[d] for d in D−6…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "active_28_days",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied ∪ reacted ∪ used)[d] for d in D−27…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "posting_28_days",
        Unit.PEOPLE,
        "|⋃ (posted ∪ replied)[d] for d in D−27…D|",
        "CHAOSS: Active contributors; monthly active users",
    ),
    Definition(
        "newcomers",
        Unit.PEOPLE,
        "|⋃ joined[d] for d in D−27…D|; somebody is in joined[d] only on the first day known of them",
        "CHAOSS: New contributors",
    ),
    Definition(
        "newcomers_activated",
        Unit.PEOPLE,
        "|⋃ joined[d] ∩ ⋃ (posted ∪ replied ∪ reacted)[e] for e in d…d+14, e ≤ D|",
        "CHAOSS: New contributors; activation rate",
    ),
    Definition(
        "newcomers_activated_share",
        Unit.SHARE,
        "newcomers_activated / newcomers",
        "CHAOSS: New contributors; activation rate",
    ),
    Definition("onboarded", Unit.PEOPLE, "|⋃ joined[d] ∩ ⋃ onboarded[d] for d in D−27…D|"),
    Definition("onboarded_share", Unit.SHARE, "onboarded / newcomers"),
    Definition(
        "readers",
        Unit.PEOPLE,
        "|used − reacted − posted − replied|, each over D−27…D",
        "Forrester, Social Technographics (2007); Preece and Shneiderman, Reader-to-Leader (2009)",
    ),
    Definition(
        "reactors",
        Unit.PEOPLE,
        "|reacted − posted − replied|, each over D−27…D",
        "Forrester, Social Technographics (2007); Preece and Shneiderman, Reader-to-Leader (2009)",
    ),
    Definition(
        "contributors",
        Unit.PEOPLE,
        "|(posted ∪ replied) − started|, each over D−27…D",
        "Forrester, Social Technographics (2007); Preece and Shneiderman, Reader-to-Leader (2009)",
    ),
    Definition(
        "animators",
        Unit.PEOPLE,
        "|⋃ started[d] for d in D−27…D|; an author is in started[d] of the day of the message",
        "Forrester, Social Technographics (2007); Preece and Shneiderman, Reader-to-Leader (2009)",
    ),
    Definition("managers", Unit.PEOPLE, "|managers|", listed=False),
    Definition("managers_posting", Unit.PEOPLE, "|⋃ (posted ∪ replied)[d] ∩ managers for d in D−6…D|", listed=False),
    Definition("managers_posting_share", Unit.SHARE, "managers_posting / managers"),
    Definition("messages", Unit.TIMES, "Σ posted + Σ replied"),
    Definition("posts", Unit.TIMES, "Σ posted"),
    Definition("replies", Unit.TIMES, "Σ replied"),
    Definition("reactions", Unit.TIMES, "Σ reacted"),
    Definition("mentions", Unit.TIMES, "Σ mentioned"),
    Definition("commands", Unit.TIMES, "Σ command"),
    Definition("clicks", Unit.TIMES, "Σ clicked"),
    Definition("opens", Unit.TIMES, "Σ opened", listed=False),
    Definition("joins", Unit.TIMES, "Σ joined", listed=False),
    Definition("leaves", Unit.TIMES, "Σ left", listed=False),
    Definition(
        "answered_share",
        Unit.SHARE,
        "Σ got_answer / Σ posted, by the day of the message",
        "CHAOSS: Issue response time, by analogy",
    ),
    Definition(
        "dialogue_ratio",
        Unit.RATIO,
        "(Σ replied + Σ got_answer) / (Σ posted − Σ got_answer)",
        "Kent and Taylor, dialogic communication (1998); Allant",
    ),
    Definition(
        "first_response_median",
        Unit.SECONDS,
        "least bound b with Σ response[≤ b] ≥ ½ Σ response, by the day of the message",
        "CHAOSS: Time to first response",
    ),
    Definition(
        "first_response_90",
        Unit.SECONDS,
        "least bound b with Σ response[≤ b] ≥ 0.9 Σ response",
        "CHAOSS: Time to first response",
    ),
    Definition(
        "cross_team_share",
        Unit.SHARE,
        "Σ crossed / (Σ crossed + Σ stayed)",
        "Cross and Parker, The Hidden Power of Social Networks (2004); the E-I index (Krackhardt and Stern, 1988)",
    ),
    Definition(
        "silent_channels",
        Unit.CHANNELS,
        "|{c : no posted or replied in c for d in D−27…D}|, archived and direct ones left out",
        "destalinator",
    ),
    Definition("faq_asked", Unit.TIMES, "Σ asked"),
    Definition("faq_found", Unit.TIMES, "Σ answered"),
    Definition("faq_unanswered", Unit.TIMES, "Σ unanswered"),
    Definition("faq_helped", Unit.TIMES, "Σ helped"),
    Definition("faq_not_helped", Unit.TIMES, "Σ not_helped"),
    Definition(
        "faq_found_share",
        Unit.SHARE,
        "min(Σ answered, Σ asked) / Σ asked",
        "knowledge-centred service: self-service success",
    ),
    Definition(
        "faq_helped_share",
        Unit.SHARE,
        "Σ helped / (Σ helped + Σ not_helped)",
        "knowledge-centred service: self-service success",
    ),
    Definition("bot_posts", Unit.TIMES, "deliveries sent, unasked, to channels"),
    Definition("replies_per_bot_post", Unit.RATIO, "Σ bot_replied / bot_posts"),
)


@cache
def by_name() -> Mapping[str, Definition]:
    """Every definition by its name, in their order."""
    return {each.name: each for each in DEFINITIONS}
