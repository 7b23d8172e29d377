"""The community practices, one file each, and the one registry of them."""

from bot.core.feature import Feature
from handlers import (
    admin,
    agenda,
    calendar,
    drafts,
    editing,
    faq,
    greeting,
    hours,
    nudge,
    privacy,
    recall,
    reins,
    signals,
    subscribe,
    tutorials,
    watch,
    welcome,
)

FEATURES: tuple[Feature, ...] = (
    signals.FEATURE,
    privacy.FEATURE,
    hours.FEATURE,
    welcome.FEATURE,
    greeting.FEATURE,
    calendar.FEATURE,
    agenda.FEATURE,
    reins.FEATURE,
    editing.FEATURE,
    recall.FEATURE,
    drafts.FEATURE,
    subscribe.FEATURE,
    faq.FEATURE,
    tutorials.FEATURE,
    nudge.FEATURE,
    watch.FEATURE,
    admin.FEATURE,
)
