"""The library: content/ read and checked, and the search over it."""

from bot.library.imports import Pair, Pairs, Skipped, read_pairs
from bot.library.library import ContentLibrary
from bot.library.links import Link, links_in
from bot.library.markup import markup_problems
from bot.library.ranking import Figures, shipped
from bot.library.writing import file_of

__all__ = [
    "ContentLibrary",
    "Figures",
    "Link",
    "Pair",
    "Pairs",
    "Skipped",
    "file_of",
    "links_in",
    "markup_problems",
    "read_pairs",
    "shipped",
]
