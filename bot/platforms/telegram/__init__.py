"""Telegram, by python-telegram-bot. Loads only where a bot's token is set."""

from bot.platforms.telegram.adapter import TelegramPlatform

__all__ = ["TelegramPlatform"]
