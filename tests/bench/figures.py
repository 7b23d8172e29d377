"""How figures are printed: one a line, each with its aim."""

from __future__ import annotations

WIDTH = 45


def show(name: str, value: str, rest: str = "") -> None:
    """``value`` with its unit, then the aim and whatever it is compared to."""
    number, _, unit = value.partition(" ")
    print(f"{name:<{WIDTH}}{number:>10} {unit}   {rest}".rstrip(), flush=True)


def between(values: list[float], form: str = ".1f") -> str:
    """The lowest and the highest of several rounds, as ``1.2 to 1.4``."""
    return f"{min(values):{form}} to {max(values):{form}}"
