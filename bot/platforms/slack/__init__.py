"""Slack: the Web API, and events over Socket Mode or signed HTTP, with slack-bolt. See docs/slack.md."""

from bot.platforms.slack.adapter import SlackPlatform
from bot.platforms.slack.app import SlackApp
from bot.platforms.slack.installation import Installation

__all__ = ["Installation", "SlackApp", "SlackPlatform"]
