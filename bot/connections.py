"""The chat platforms that the settings name: the only file that makes their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.core.errors import BadInput
from bot.core.platform import Platform
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.platforms.slack import SlackApp
    from bot.platforms.telegram import TelegramPlatform


def make_slack(settings: Settings) -> SlackApp | None:
    """The Slack app, where the settings name one: all its workspaces share it. Raises BadInput."""
    if not (settings.slack_bot_token.get_secret_value() or settings.slack_client_id):
        return None
    from bot.markdown import MarkdownRenderer

    try:
        from bot.platforms.slack import SlackApp
    except ModuleNotFoundError as missing:
        raise BadInput(f"Slack needs {missing.name}, which is not installed: pip install 'allant[slack]'") from None
    return SlackApp(
        app_token=settings.slack_app_token.get_secret_value(),
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        api_url=settings.slack_api_url,
        renderer=MarkdownRenderer(),
        language=settings.language,
    )


async def make_platforms(settings: Settings, slack: SlackApp | None = None) -> list[Platform]:
    """The platforms named in the settings. Their modules load only when asked for: their SDKs are large. Slack is asked
    whose token it is. Raises BadInput."""
    platforms: list[Platform] = []
    if settings.matrix_homeserver:
        from bot.markdown import MarkdownRenderer
        from bot.platforms.matrix import MatrixPlatform

        platforms.append(
            MatrixPlatform(
                homeserver=settings.matrix_homeserver,
                user=settings.matrix_user,
                password=settings.matrix_password.get_secret_value(),
                access_token=settings.matrix_access_token.get_secret_value(),
                language=settings.language,
                renderer=MarkdownRenderer(),
                state_file=settings.matrix_state_file,
            )
        )
    if slack is not None and settings.slack_bot_token.get_secret_value():
        platforms.append(await slack.install(settings.slack_bot_token.get_secret_value()))
    if settings.telegram_token.get_secret_value():
        platforms.append(make_telegram(settings))
    return platforms


def make_telegram(settings: Settings) -> TelegramPlatform:
    """Raises BadInput for a wrong setting, or when the library is not installed."""
    try:
        from bot.markdown import MarkdownRenderer
        from bot.platforms.telegram import TelegramPlatform
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "telegram":
            raise
        raise BadInput("Telegram needs python-telegram-bot: pip install 'allant[telegram]'") from None
    if settings.telegram_webhook and not settings.public_url:
        raise BadInput("ALLANT_TELEGRAM_WEBHOOK needs ALLANT_PUBLIC_URL, the address at which Telegram reaches Allant")
    return TelegramPlatform(
        token=settings.telegram_token.get_secret_value().strip(),
        api_url=settings.telegram_api_url,
        language=settings.language,
        renderer=MarkdownRenderer(),
        public_url=settings.public_url if settings.telegram_webhook else "",
    )
