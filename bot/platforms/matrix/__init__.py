"""Matrix: rooms, threads, reactions, edits, direct rooms, over the client-server API. See docs/matrix.md."""

from bot.platforms.matrix.adapter import MatrixPlatform

__all__ = ["MatrixPlatform"]
