"""Public holidays by country and region, from the holidays library, which is loaded when a country is first named."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from bot.core.errors import BadInput
from bot.core.policy import PolicyRules


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRules(PolicyRules):
    """The policy of a place whose country is named: it knows the public holidays of every year."""

    def holiday(self, day: date) -> str:
        # Named outright: zero-argument super() does not work in a dataclass with slots.
        return _year(self.country, self.region, day.year).get(day, "") or PolicyRules.holiday(self, day)


def check_place(country: str, region: str) -> None:
    """Raises BadInput when the library knows no such country, or the country no such region."""
    if not country:
        if region:
            raise BadInput("“region” needs “country”")
        return
    codes = _codes()
    if country not in codes:
        near = difflib.get_close_matches(country.upper(), codes, n=3) or ["FR", "BE", "CA"]
        raise BadInput(f"no public holidays are known for the country “{country}”: use a code such as {_list(near)}")
    known = _regions(country)
    if region and region not in known:
        names = {name.casefold(): name for name in known}
        near = [names[each] for each in difflib.get_close_matches(region.casefold(), names, n=3, cutoff=0.5)]
        kinds = f"did you mean {_list(near)}?" if near else f"known are {_list(sorted(known))}"
        if not known:
            kinds = "the country has no regions with holidays of their own"
        raise BadInput(f"“{region}” is not a region of {country} here: {kinds}")


def _list(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


@lru_cache(maxsize=1)
def _codes() -> dict[str, tuple[str, str]]:
    """The module and class of each country, by its two-letter code."""
    _without_all_countries()
    registry = importlib.import_module("holidays.registry")
    return {names[1]: (module, names[0]) for module, names in registry.COUNTRIES.items()}


def _without_all_countries() -> None:
    """holidays.countries imports 250 countries as it is imported, 8 MiB of them, when we need one: an empty package
    of that name stands in for it, in which each country is still found by itself."""
    if "holidays.countries" not in sys.modules:
        spec = importlib.util.find_spec("holidays.countries")
        assert spec is not None  # noqa: S101  # It is part of the library we depend on.
        sys.modules["holidays.countries"] = importlib.util.module_from_spec(spec)


def _country(code: str) -> Any:
    module, name = _codes()[code]
    return getattr(importlib.import_module(f"holidays.countries.{module}"), name)


def _regions(code: str) -> dict[str, str]:
    """What a region may be called, and its own code."""
    country = _country(code)
    aliases: dict[str, str] = getattr(country, "subdivisions_aliases", {})
    return {name: name for name in country.subdivisions} | aliases


@lru_cache(maxsize=512)
def _year(country: str, region: str, year: int) -> dict[date, str]:
    """The holidays of one year by date. A year or country outside those the library knows (any more) has none."""
    if country not in _codes():
        return {}
    # A region that is none was named as a problem when the files were read; the country still counts.
    code = _regions(country).get(region)
    return dict(_country(country)(subdiv=code, years=year, expand=False))
