"""The library: content/ read and checked, and the search over it."""

from bot.library.library import ContentLibrary

__all__ = ["ContentLibrary"]
