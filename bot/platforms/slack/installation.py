"""One workspace in which the app is installed: the bot token, and who the bot is there."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """``team`` is the workspace's id (``T…``), ``bot_user`` the bot's user id (``U…``), ``bot`` its bot id (``B…``).
    ``scopes``: those of the token, as Slack named them when it was asked; empty when it did not."""

    team: str
    token: str = field(repr=False)
    bot_user: str
    bot: str = ""
    name: str = ""
    url: str = ""
    scopes: frozenset[str] = frozenset()
