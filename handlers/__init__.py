"""The community practices, one file each, and the one registry of them."""

from bot.core.feature import Feature
from handlers import (
    admin,
    calendar,
    deliveries,
    digest,
    drafts,
    faq,
    greeting,
    hours,
    nudge,
    pause,
    privacy,
    signals,
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
    drafts.FEATURE,
    deliveries.FEATURE,
    digest.FEATURE,
    faq.FEATURE,
    tutorials.FEATURE,
    nudge.FEATURE,
    watch.FEATURE,
    pause.FEATURE,
    admin.FEATURE,
)
