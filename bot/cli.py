"""The `allant` command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console, RenderableType
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot import answers_cli, doctor_cli, faq_cli, faqimport_cli, ledger_cli, report_cli, signals_cli, telegram_cli
from bot.core.errors import AllantError, BadContent, BadInput, Problem
from bot.settings import Settings, read_settings, starter_env, starter_folder
from bot.slack_cli import register as register_slack

cli = typer.Typer(
    name="allant",
    help="Allant keeps an organisation's chat communities alive.\n\nBegin with `allant demo`; then `allant init DIR`, "
    "edit the words and schedules, `allant check`, and `allant run`. Settings: see .env.example.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
imports = typer.Typer(help="Bring in what happened before, or events of another calendar.", no_args_is_help=True)
db = typer.Typer(help="The database: upgrade, back up, restore, move.", no_args_is_help=True)
nudges = typer.Typer(help="The nudge of quiet channels.", no_args_is_help=True)
exports = typer.Typer(help="Take out what was made in chat.", no_args_is_help=True)
cli.add_typer(imports, name="import")
cli.add_typer(exports, name="export")
answers_cli.register(exports)
faqimport_cli.register(imports)
cli.add_typer(db, name="db")
cli.add_typer(nudges, name="nudge")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
Workspace = Annotated[
    str, typer.Option("--workspace", help="platform/workspace; needed only when the database holds several.")
]
Lang = Annotated[Literal["fr", "en"] | None, typer.Option("--language", "-l", help="fr or en.")]


def main() -> None:
    """The entry point: every expected error is one clear message on stderr and exit code 1."""
    try:
        cli()
    except BadContent as error:
        print_problems(error.problems)
        sys.exit(1)
    except AllantError as error:
        err.print(f"[red]allant:[/red] {escape(str(error))}")
        sys.exit(1)


@cli.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=365, help="With --fast: how many days to play.")] = 30,
    fast: Annotated[
        bool, typer.Option("--fast", help="Play the days on a virtual clock, print what happened.")
    ] = False,
    as_json: Json = False,
    seed: Annotated[int, typer.Option(help="The simulated organisation's seed: the same seed, the same life.")] = 1,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on (0: any free).")] = None,
    data: Annotated[Path | None, typer.Option(help="Keep the demo's state in this folder between runs.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No simulated chatter: only people you play.")] = False,
) -> None:
    """Start the playground with a simulated organisation already talking."""
    from bot import demo as demos

    if fast:
        with _progress() as progress:
            task = progress.add_task(f"Playing {days} days", total=days)
            report = asyncio.run(
                demos.play(days=days, seed=seed, on_day=lambda day: progress.update(task, completed=day))
            )
        if as_json:
            print(json.dumps(report, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
        else:
            out.print(demos.describe(report))
        return
    settings = _settings(**_given(host=host, port=port))
    _log(settings)
    _run_until_stopped(lambda stop: demos.serve(settings, stop, data=data, seed=seed, quiet=quiet, say=out.print))


@cli.command()
def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on (default ALLANT_HOST).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (default ALLANT_PORT).")] = None,
    role: Annotated[
        Literal["web", "worker", "all"],
        typer.Option(help="What this process does when several share a PostgreSQL database."),
    ] = "all",
) -> None:
    """Run Allant on the platforms that the settings name.

    With a PostgreSQL address, any number of processes may run on any number of machines: `--role web` answers HTTP and
    takes events in, `--role worker` does all the rest, and what a killed process did is taken over by the others.
    """
    from bot import service

    settings = _settings(**_given(host=host, port=port))
    _log(settings)
    _run_until_stopped(lambda stop: service.serve(settings, stop, say=out.print, role=role))


@cli.command()
def check(as_json: Json = False) -> None:
    """Check content, schedules and settings: every problem with file, line, reason, and how to mend it."""
    from bot.checking import check_files

    settings = _settings()
    problems = check_files(settings)
    if as_json:
        found = [{"file": each.file, "line": each.line, "reason": each.reason, "mend": each.mend} for each in problems]
        print(json.dumps({"problems": found}, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
    elif problems:
        print_problems(problems)
    else:
        out.print(f"[green]All well[/green]: {settings.content} and {settings.schedules}")
    raise typer.Exit(1 if problems else 0)


@cli.command()
def plan(
    weeks: Annotated[int, typer.Option(min=1, max=104, help="How far ahead to look for posts.")] = 4,
    against: Annotated[
        str, typer.Option(help="Compare with this folder or git revision (default: with what runs).")
    ] = "",
    workspace: Workspace = "",
    as_json: Json = False,
) -> None:
    """Show what a change to schedules/ and content/ would do, before it does it: items, and posts that come or go."""
    from bot import planning

    made = asyncio.run(
        planning.plan(_settings(), weeks=weeks, against=against, workspace=workspace, now=datetime.now(UTC))
    )
    _show(planning.as_data(made) if as_json else planning.as_tables(made))
    if made.problems and not as_json:
        print_problems(made.problems)
    raise typer.Exit(1 if made.problems else 0)


@cli.command()
def rehearse(
    days: Annotated[int, typer.Option(min=1, max=800, help="How many days to play.")] = 90,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day (UTC; default: now).")
    ] = None,
    gap: Annotated[int, typer.Option(min=0, max=10_000, help="Minutes wanted between two posts of a channel.")] = 60,
    links: Annotated[
        bool, typer.Option("--links", help="Ask every link on the web whether it still leads there.")
    ] = False,
    workspace: Workspace = "",
    as_json: Json = False,
) -> None:
    """List every post to come, and what stands in its way. Nothing is sent. Exit code 1 when there are errors."""
    from bot import rehearsal

    played = asyncio.run(
        rehearsal.rehearse(
            _settings(),
            since=since.replace(tzinfo=UTC) if since else datetime.now(UTC),
            days=days,
            workspace=workspace,
            gap=timedelta(minutes=gap),
            check_web=links,
        )
    )
    _show(rehearsal.as_data(played) if as_json else rehearsal.as_tables(played))
    raise typer.Exit(1 if played.fails else 0)


@cli.command()
def init(folder: Annotated[Path, typer.Argument(help="A new folder for your organisation.")]) -> None:
    """Copy the starter content, schedules and settings into DIR, for your organisation to edit."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        err.print(f"[red]allant:[/red] {escape(str(folder))} is not empty; name a new folder")
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("content", "schedules"):
        shutil.copytree(starter_folder(name), folder / name)
    shutil.copy(starter_env(), folder / ".env.example")
    out.print(
        f"Made {folder}/content, {folder}/schedules and {folder}/.env.example. Next:\n"
        f"  cd {folder}\n  cp .env.example .env     and name your chat platform there\n  allant check\n  allant run",
        markup=False,
    )


@imports.command("slack-export")
def import_slack_export(
    file: Annotated[Path, typer.Argument(help="The .zip that Slack's export gives.")],
    name: Annotated[str, typer.Option(help="What to call the workspace (default: the file's name).")] = "",
) -> None:
    """Read a Slack export into signals: times and counts, never words. Importing twice changes nothing."""
    from bot import history

    with _progress() as progress:
        task = progress.add_task("Reading", total=None)
        report = asyncio.run(
            history.import_slack(
                _settings(), file, name, lambda done, total: progress.update(task, completed=done, total=total)
            )
        )
    out.print(report)


@imports.command("ics")
def import_ics(
    file: Annotated[Path, typer.Argument(help="An .ics file, as Outlook, Google or Thunderbird export it.")],
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Where the items go: '#general', 'tag:everyone'.")
    ] = None,
    target: Annotated[Path | None, typer.Option("--out", help="The file to write (schedules/imported.yaml).")] = None,
    all_day: Annotated[str, typer.Option("--at", help="When what lasts all day goes out.")] = "09:00",
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file without asking.")] = False,
) -> None:
    """Make draft items of an .ics file's events. Nothing goes out before somebody takes them over from draft."""
    from bot import importing

    settings = _settings()
    place = importing.import_target(settings, target)
    try:
        clock = time.fromisoformat(all_day)
    except ValueError:
        raise BadInput(f"--at {all_day!r} is not a time such as 09:00") from None
    now = datetime.now(UTC)
    ready = importing.from_ics(settings, file, to=to or ["#general"], target=place, all_day=clock, now=now)
    out.print(importing.told(ready, place))
    if ready.items:
        _write(place, ready.text, yes=yes)
        out.print("Look through them, translate them, then `allant check`, `allant plan`, `allant rehearse`.")
    raise typer.Exit(0 if ready.items else 1)


@exports.command("schedules")
def export_schedules(
    target: Annotated[Path | None, typer.Option("--out", help="The file to write (default: print it).")] = None,
    workspace: Workspace = "",
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite the file without asking.")] = False,
) -> None:
    """Write the calendar items made in chat as a YAML file of schedules/, which loads back to the same items."""
    from bot import importing

    files = asyncio.run(importing.from_chat(_settings(), workspace, datetime.now(UTC)))
    if not files:
        err.print("No item was made in chat.")
    for number, ready in enumerate(files):
        if target is None:
            print(ready.text, end="")  # noqa: T201  # The command's output.
        else:
            # Launches that begin on different days do not fit into one file.
            place = target if number == 0 else target.with_name(f"{target.stem}-{number + 1}{target.suffix}")
            _write(place, ready.text, yes=yes)


@cli.command()
def stats(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    weeks: Annotated[int, typer.Option(min=1, max=520, help="How many weeks back.")] = 4,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of the end of this day (UTC; default: now).")
    ] = None,
    workspace: Workspace = "",
    as_json: Json = False,
) -> None:
    """How the community lives: active members, newcomers, silent channels, replies, the FAQ."""
    from bot import history

    moment = until.replace(tzinfo=UTC) if until else None
    text, data = asyncio.run(history.stats(_settings(), workspace, channel, weeks, moment))
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
    else:
        out.print(text)


@nudges.command("dry-run")
def nudge_dry_run(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    workspace: Workspace = "",
    as_json: Json = False,
) -> None:
    """List the days of the past on which a quiet channel would have been nudged. Nothing is sent."""
    from bot import history

    days = asyncio.run(history.nudge_days(_settings(), workspace, channel))
    if as_json:
        print(json.dumps(days, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
        return
    for name, dates in days.items():
        out.print(f"[bold]#{escape(name)}[/bold]: {len(dates)} " + ("day" if len(dates) == 1 else "days"))
        for day in dates:
            out.print(f"  {day}")


@cli.command()
def say(
    words: Annotated[list[str] | None, typer.Argument(help="What to say; nothing for a conversation.")] = None,
    language: Lang = None,
    role: Annotated[Literal["member", "animator", "admin"], typer.Option(help="Speak as one of these.")] = "animator",
) -> None:
    """Talk to the bot in the terminal, as in a direct message (`/allant …` for its commands)."""
    from bot import talk

    _log(_settings(), quiet=True)
    asyncio.run(talk.converse(_settings(), " ".join(words or ()), language, role, out))


@db.command()
def upgrade() -> None:
    """Bring the database to this version's form (also done by `allant run`)."""
    from bot import history

    out.print(f"The database is at revision {history.upgrade(_settings())}.")


@db.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Copy the database while Allant runs: an SQLite file as it is, PostgreSQL as a zip file that any version reads.

    Keep the secret file too, apart from it."""
    from bot import history

    settings = _settings()
    with _tables("Backing up") as progress:
        history.backup(settings, target, progress)
    out.print(f"Backed up to {target}. Keep {settings.secret_file} as well, in another place.")


@db.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file written by `allant db backup`, from either kind of database.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    erasures: Annotated[
        Path | None, typer.Option(help="A list by `allant db erasures`, when the database itself is lost.")
    ] = None,
) -> None:
    """Put a backup in the database's place. Stop Allant first. A damaged file changes nothing.

    Who asked to be forgotten since the backup was made, or not to be counted, is erased from it again."""
    from bot import history

    settings = _settings()
    if not source.is_file():
        raise BadInput(f"{source} is no file; `allant db backup FILE` writes one")
    if not yes:
        typer.confirm(f"Replace {history.address(settings)} by {source}?", abort=True)
    with _tables("Restoring") as progress:
        kept = history.restore(settings, source, progress, erasures)
    out.print(f"Restored from {source}." + (f" What was there before is kept as {kept}." if kept else ""))


@db.command()
def move(
    to: Annotated[str, typer.Option(help="The address of an empty database: postgresql://user:password@host/name")],
) -> None:
    """Move everything to another database, from SQLite to PostgreSQL or back. Stop Allant first.

    Every row is read again on both sides and compared; the database moved from stays as it is, and if anything goes
    wrong the other one stays empty. A password left out of the address is taken from PGPASSWORD or ~/.pgpass."""
    from bot import history

    settings = _settings()
    with _tables("Moving") as progress:
        moved, left = history.move(settings, to, progress)
    out.print(moved)
    # A line that is to be copied must not be broken.
    out.print(escape(left), soft_wrap=True)


@contextlib.contextmanager
def _tables(doing: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each table, told how many of its rows are done of how many."""
    bars: dict[str, TaskID] = {}
    with _progress() as progress:

        def show(table: str, done: int, total: int) -> None:
            if table not in bars:
                bars[table] = progress.add_task(f"{doing} {table}", total=total)
            progress.update(bars[table], completed=done, total=total)

        yield show


ledger_cli.register(cli)
telegram_cli.register(cli)
register_slack(cli)
report_cli.register(cli)
signals_cli.register(imports, db)
faq_cli.register(cli)
doctor_cli.register(cli)


def print_problems(problems: tuple[Problem, ...] | list[Problem]) -> None:
    """A table of problems on stderr."""
    table = Table("Where", "What is wrong", "How to mend it", title=f"{len(problems)} to mend", title_justify="left")
    for each in problems:
        where = f"{each.file}:{each.line}" if each.line else each.file
        table.add_row(escape(where), escape(each.reason), escape(each.mend))
    err.print(table)


def _write(place: Path, text: str, *, yes: bool) -> None:
    from bot import importing

    if place.exists() and not yes:
        typer.confirm(f"{place} exists. Overwrite it?", abort=True, err=True)
    importing.write(place, text)
    out.print(f"Written: {place}")


def _show(what: RenderableType | dict[str, Any]) -> None:
    """Tables for people; JSON where it is data."""
    if isinstance(what, dict):
        print(json.dumps(what, indent=2, ensure_ascii=False))  # noqa: T201  # The command's output.
    else:
        out.print(what)


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _settings(**overrides: object) -> Settings:
    return read_settings(**overrides)


def _log(settings: Settings, *, quiet: bool = False) -> None:
    level = "ERROR" if quiet else settings.log_level.upper()
    handler = RichHandler(console=err, show_path=False, rich_tracebacks=False, markup=False)
    # Some libraries set their own loggers to debug when they are imported: only our own details are shown.
    handler.addFilter(lambda record: record.name.startswith("allant") or record.levelno >= logging.WARNING)
    logging.basicConfig(level="WARNING", format="%(message)s", datefmt="%H:%M:%S", handlers=[handler])
    logging.getLogger("allant").setLevel(level)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _run_until_stopped(serve: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run ``serve`` with an event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends at once."""

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop_once, stop, loop, number)
        await serve(stop)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(body())


def _stop_once(stop: asyncio.Event, loop: asyncio.AbstractEventLoop, number: int) -> None:
    loop.remove_signal_handler(number)
    stop.set()
