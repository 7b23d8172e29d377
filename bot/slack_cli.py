"""The commands that set up Slack: `allant slack …`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import typer
import yaml
from rich.console import Console
from rich.markup import escape

from bot.core.checkup import Gravity, amiss
from bot.core.errors import BadInput
from bot.settings import Settings, read_settings

if TYPE_CHECKING:
    from bot.slack_setup import Report

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

slack = typer.Typer(
    help="Set up Slack: make the app, find out what is wrong, see which workspaces are connected.", no_args_is_help=True
)
SIGNS = {Gravity.WELL: "[green]✓[/green]", Gravity.WARNING: "[yellow]![/yellow]", Gravity.ERROR: "[red]✗[/red]"}
NEW_APP = "https://api.slack.com/apps?new_app=1"

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


def register(cli: typer.Typer) -> None:
    """Add the commands to ``allant``."""
    cli.add_typer(slack, name="slack")


@slack.command()
def manifest(
    http: Annotated[
        str, typer.Option("--http", metavar="URL", help="Events come over HTTP to Allant at this https address.")
    ] = "",
    socket: Annotated[
        bool, typer.Option("--socket", help="Events come over Socket Mode: no address is needed.")
    ] = False,
    language: Annotated[
        Literal["fr", "en"] | None, typer.Option("--language", "-l", help="Of the names that Slack's menus show.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the app and its bot are called.")] = "Allant",
    install: Annotated[
        bool, typer.Option("--install", help="For several workspaces, which connect themselves (needs --http).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML (the default).")] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Print an address that opens Slack with the manifest in it.")
    ] = False,
) -> None:
    """Print the app manifest: everything a Slack app for Allant consists of, made from what the features declare.

    Without --http or --socket it is HTTP where ALLANT_PUBLIC_URL is set and ALLANT_SLACK_APP_TOKEN is not."""
    slack_setup = _setup()

    if http and socket:
        raise BadInput("--http and --socket: choose one")
    if as_json + as_yaml + link > 1:
        raise BadInput("--json, --yaml and --link: choose one")
    settings = read_settings()
    url = _public_url(settings, http, socket)
    if install and not url:
        raise BadInput("--install needs the address at which the web reaches Allant: add --http https://…")
    wanted = install or bool(settings.slack_client_id and url)
    made = slack_setup.made_manifest(settings, public_url=url, language=language, name=_named(name), install=wanted)
    _print(_form(made, as_json=as_json, link=link))
    if not link and err.is_terminal:
        err.print(f"\nNow open {NEW_APP}, choose “From a manifest”, and paste this. See docs/slack.md.", markup=False)


def _public_url(settings: Settings, http: str, socket: bool) -> str:
    if http and not http.startswith("https://"):
        raise BadInput(f"--http {http}: Slack brings events to addresses in https:// only")
    if http or socket:
        return http
    return "" if settings.slack_app_token.get_secret_value() else settings.public_url


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 35:
        raise BadInput("--name: between 1 and 35 characters, as Slack asks")
    return name.strip()


def _form(made: dict[str, Any], *, as_json: bool, link: bool) -> str:
    if link:
        return f"{NEW_APP}&manifest_json={quote(json.dumps(made, ensure_ascii=False, separators=(',', ':')))}"
    if as_json:
        return json.dumps(made, indent=2, ensure_ascii=False)
    return yaml.safe_dump(made, allow_unicode=True, sort_keys=False, width=1000).rstrip("\n")


@slack.command()
def doctor(as_json: Json = False) -> None:
    """Find out what is wrong: token, rights, channels, clock, and the way events come in. Exit code 1 if anything is.

    Nothing is posted and nothing is changed."""
    slack_setup = _setup()

    settings = read_settings()
    reports = asyncio.run(slack_setup.doctor(settings))
    if as_json:
        _print(json.dumps(_as_data(settings, reports), indent=2, ensure_ascii=False))
    else:
        _show(settings, reports)
    raise typer.Exit(1 if any(each.fails for each in reports) else 0)


def _as_data(settings: Settings, reports: list[Report]) -> dict[str, Any]:
    from bot.lookover import as_data
    from bot.slack_setup import words_of

    library = words_of(settings)
    found = [{"workspace": each.title or None, "findings": as_data(each.findings, library)} for each in reports]
    return {"well": not any(each.fails for each in reports), "reports": found}


def _show(settings: Settings, reports: list[Report]) -> None:
    from bot.lookover import readable
    from bot.slack_setup import words_of

    words = words_of(settings).words
    for report in reports:
        if report.title:
            out.print(f"\n[bold]{escape(report.title)}[/bold]")
        for each in report.findings:
            out.print(f"{SIGNS[each.gravity]} {escape(readable(each.said(words, 'en')))}", soft_wrap=True)
            if each.gravity is not Gravity.WELL:
                out.print(f"  → {escape(readable(each.mend(words, 'en')))}", soft_wrap=True)
    wrong = sum(len(amiss(each.findings)) for each in reports)
    said = "Nothing stands in the way." if not wrong else f"{wrong} to mend." if wrong > 1 else "One thing to mend."
    out.print(f"\n{said}")


@slack.command()
def workspaces(as_json: Json = False) -> None:
    """List the workspaces that connected themselves (the one of ALLANT_SLACK_BOT_TOKEN is not among them)."""
    slack_setup = _setup()

    found = asyncio.run(slack_setup.workspaces(read_settings()))
    if as_json:
        rows = [{"id": each.workspace.id, "name": each.name, "connected": each.at.isoformat()} for each in found]
        _print(json.dumps({"workspaces": rows}, indent=2, ensure_ascii=False))
    elif not found:
        out.print("No workspace connected itself. See “Several workspaces” in docs/slack.md.")
    for each in [] if as_json else found:
        since = f"{each.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        out.print(f"{each.workspace.id}  {escape(each.name)}  connected {since}")


@slack.command()
def disconnect(
    workspace: Annotated[str, typer.Argument(help="Its id (T0123ABCD) or its name, as `workspaces` lists them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not tell Slack: the token stays good there.")] = False,
) -> None:
    """Let go of a workspace: its token is revoked and forgotten. A running Allant notices within seconds.

    What was planned and counted there stays, for when it is connected again."""
    slack_setup = _setup()

    settings = read_settings()
    found = asyncio.run(slack_setup.find_workspace(settings, workspace))
    if not yes:
        typer.confirm(f"Disconnect {found.name} ({found.workspace.id})?", abort=True)
    gone = asyncio.run(slack_setup.disconnect(settings, workspace, at_slack=not offline))
    out.print(f"Disconnected {escape(gone.name)} ({gone.workspace.id}).")


def _setup() -> ModuleType:
    """The module that does the work, loaded only now as Slack's SDK is large. Raises BadInput where that is missing."""
    try:
        from bot import slack_setup
    except ModuleNotFoundError as missing:
        raise BadInput(f"Slack needs {missing.name}, which is not installed: pip install 'allant[slack]'") from None
    return slack_setup


def _print(text: str) -> None:
    print(text)  # noqa: T201  # The command's output, which is copied or piped: no line may be broken.
