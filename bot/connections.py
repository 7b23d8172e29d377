"""The chat platforms that the settings name: the only file that makes their adapters."""

from __future__ import annotations

from bot.core.platform import Platform
from bot.settings import Settings


def make_platforms(settings: Settings) -> list[Platform]:
    """The platforms named in the settings. Their modules load only when asked for: their SDKs are large."""
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
    return platforms
