"""Embedders: models whose weights come inside a package, run by a process of their own, and services on the web."""

from bot.embedding.local import PACKAGES, LocalEmbedder, Workshop, why_not
from bot.embedding.service import ServiceEmbedder

__all__ = ["PACKAGES", "LocalEmbedder", "ServiceEmbedder", "Workshop", "why_not"]
