"""The chat platforms that the settings name: the only file that makes their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.core.platform import Platform
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.platforms.slack import SlackApp


def make_slack(settings: Settings) -> SlackApp | None:
    """The Slack app, where the settings name one: all its workspaces share it. Raises BadInput."""
    if not (settings.slack_bot_token.get_secret_value() or settings.slack_client_id):
        return None
    from bot.markdown import MarkdownRenderer
    from bot.platforms.slack import SlackApp

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
    return platforms
