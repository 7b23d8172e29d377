"""The commands over the search: measure it, and calibrate it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from bot.settings import read_settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

faq = typer.Typer(help="The search of the FAQ: measure and calibrate it.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to ``allant``."""
    cli.add_typer(faq, name="faq")


@faq.command("eval")
def evaluate(
    corpus: Annotated[Path, typer.Option(help="The entries: a JSON object a line with id, lang, question, answer.")],
    queries: Annotated[Path, typer.Option(help="The questions: a JSON object a line with qid, lang, text, relevant.")],
    target: Annotated[Path, typer.Option("--out", help="Where to write a line for each question.")],
    channel: Annotated[
        bool,
        typer.Option("--channel/--direct", help="As overheard in a channel, or as asked of the bot (the default)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Ask every question of a set, with the search and the thresholds that answer in the chat, and write the results.

    Each line of the results: qid, ranked ids with the probability that each is right, answered or not.
    """
    from bot import evaluating

    with _bars() as progress:
        found = evaluating.evaluate(
            read_settings(), corpus, queries, target, "channel" if channel else "direct", progress
        )
    if as_json:
        print(json.dumps(found, indent=2))  # noqa: T201  # The command's output.
        return
    _table(found)
    out.print(f"Written: {escape(str(target))}")


@faq.command()
def calibrate(
    queries: Annotated[Path, typer.Argument(help="Your questions: a JSON object a line with text, lang, relevant.")],
) -> None:
    """Fit the decision to answer or to stay silent to your own questions about your own content.

    Each line names the entries that answer the question by their file's name without language, such as
    {"text": "how do I mute a channel", "lang": "en", "relevant": ["mute-channel"]}; with an empty list, none does.
    At least 50 questions, 10 of them without an entry. Restart Allant afterwards; remove the file to undo it.
    """
    from bot import evaluating

    settings = read_settings()
    with _bars() as progress:
        made = evaluating.calibrate(settings, queries, progress)
    out.print("Before, on these questions:")
    _table(dict(made.before))
    share = made.measured["answered"]
    out.print(
        f"From now on ({made.mode}): answers from a probability of {made.figures.direct:.3f}; in channels from "
        f"{made.figures.channel:.3f}, which answers {share:.0%} of these questions at 95 % right.\n"
        f"Written: {escape(str(settings.calibration_file))}. Restart Allant for it to hold."
    )


def _table(found: dict[str, object]) -> None:
    table = Table(show_header=False)
    for name, value in found.items():
        shown = "yes" if value is True else "no" if value is False else "–" if value is None else str(value)
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else shown)
    out.print(table)


@contextlib.contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as progress:

        def show(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield show
