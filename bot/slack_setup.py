"""Setting up Slack: the manifest, the doctor, and the door by which workspaces connect themselves."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bot.app import Allant
from bot.checking import rules_by_name
from bot.core.checkup import Finding, Gravity, warning
from bot.core.errors import BadInput
from bot.core.installations import Installed
from bot.core.refs import Language, WorkspaceRef
from bot.doors import Doors
from bot.library import ContentLibrary
from bot.lookover import named_channels, readable
from bot.platforms.slack import SlackApp, SlackPlatform
from bot.platforms.slack.doctor import Patient, examine, way_in
from bot.platforms.slack.manifest import listened, manifest
from bot.platforms.slack.oauth import SlackDoor, Tickets, revoke
from bot.platforms.slack.scopes import needed, subscriptions
from bot.settings import Settings, starter_folder
from bot.store import Store
from bot.store.dialect import database_file
from bot.timetable import Schedules
from handlers import FEATURES


def scopes_needed() -> list[str]:
    """The bot's scopes for the features of this version."""
    return needed(subscriptions(listened(FEATURES)))


def words_of(settings: Settings) -> ContentLibrary:
    """The bot's words, with the starter's for what the organisation's own copy lacks."""
    library = ContentLibrary(settings.content, spare=starter_folder("content"))
    library.load()
    return library


def made_manifest(
    settings: Settings, *, public_url: str, language: Language | None, name: str, install: bool
) -> dict[str, Any]:
    """The app manifest: over HTTP at ``public_url``, else for Socket Mode."""
    library = words_of(settings)
    return manifest(
        FEATURES,
        lambda tongue, key: readable(library.words(tongue, key)),
        language=language or settings.language,
        name=name,
        public_url=public_url,
        install=install,
    )


def set_up(settings: Settings, app: SlackApp, allant: Allant) -> None:
    """Let the workspaces of ``app`` look themselves over, and others connect themselves where the settings allow it.
    Raises BadInput for a wrong setting."""
    app.look = partial(_look, settings)
    if settings.slack_client_id:
        allant.doors = make_doors(settings, app, allant)


async def _look(settings: Settings, platform: SlackPlatform, named: Mapping[str, str]) -> list[Finding]:
    ours = patient(settings)
    if platform.installation.token == ours.bot_token:
        return await examine(ours, named)
    # That events can reach us is shown by the workspace's having connected itself.
    return await examine(replace(ours, bot_token=platform.installation.token, installed=True), named, into=False)


# The door


def make_doors(settings: Settings, app: SlackApp, allant: Allant) -> Doors:
    """The door of Slack, for an Allant to which workspaces connect themselves. Raises BadInput for a wrong setting."""
    key = hmac.new(settings.secret(), b"allant slack tickets", hashlib.sha256).digest()

    def words(language: Language, key: str, **values: object) -> str:
        return readable(allant.library.words(language, key, **values))

    async def admit(installed: Installed, installer: Any) -> None:
        await doors.admit(installed, installer)

    door = SlackDoor(
        app,
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
        public_url=settings.public_url,
        scopes=scopes_needed(),
        allowed=settings.slack_workspaces,
        tickets=Tickets(key, allant.clock, allant.store.installations),
        clock=allant.clock,
        words=words,
        admit=admit,
    )
    doors = Doors([door], allant.store, allant.connect, allant.disconnect, allant.platforms)

    async def gone(team: str) -> None:
        await doors.gone(WorkspaceRef("slack", team))

    app.on_gone = gone
    return doors


# The doctor


def patient(settings: Settings, installed: Installed | None = None) -> Patient:
    """The workspace of the settings, or one that connected itself."""
    return Patient(
        api_url=settings.slack_api_url if settings.slack_api_url.endswith("/") else f"{settings.slack_api_url}/",
        bot_token=installed.credentials.get("token", "") if installed else settings.slack_bot_token.get_secret_value(),
        app_token=settings.slack_app_token.get_secret_value(),
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        public_url=settings.public_url,
        needed=scopes_needed(),
        admins=settings.admins,
        installed=installed is not None,
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one workspace, or (``title`` empty) about the app as a whole."""

    title: str
    findings: tuple[Finding, ...]

    @property
    def fails(self) -> bool:
        return any(each.gravity is Gravity.ERROR for each in self.findings)


async def doctor(settings: Settings, named: Mapping[str, str] | None = None) -> list[Report]:
    """Look over the workspace of the settings, and every one that connected itself."""
    if named is None:
        schedules = Schedules(settings.schedules, rules_by_name())
        schedules.load()
        named = named_channels(schedules, rules_by_name())
    kept, unreadable = await _kept(settings)
    alone = bool(settings.slack_bot_token.get_secret_value()) or not (kept or settings.slack_client_id)
    if alone:
        return [Report("", tuple(await examine(patient(settings), named, thoroughly=True)))]
    reports = [Report("", tuple(await way_in(patient(settings), thoroughly=True)))]
    for installed in kept:
        found = await examine(patient(settings, installed), named, into=False)
        reports.append(Report(f"{installed.name} ({installed.workspace})", tuple(found)))
    for ref in unreadable:
        reports.append(Report(str(ref), (Finding(key="sealed_otherwise"),)))
    if not (kept or unreadable):
        reports.append(Report("", (warning("nobody_connected", url=f"{settings.public_url}/hooks/slack/install"),)))
    return reports


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Store]:
    store = await Store.open(settings.database_url, secret=settings.secret())
    try:
        yield store
    finally:
        await store.close()


async def _kept(settings: Settings) -> tuple[list[Installed], list[WorkspaceRef]]:
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        return [], []  # No database is made to look something over.
    async with _opened(settings) as store:
        kept = [each for each in await store.installations.all() if each.workspace.platform == "slack"]
        return kept, [each for each in await store.installations.unreadable() if each.platform == "slack"]


# The workspaces that connected themselves


async def workspaces(settings: Settings) -> list[Installed]:
    """Those of Slack, in order."""
    return (await _kept(settings))[0]


async def find_workspace(settings: Settings, wanted: str) -> Installed:
    """The connected workspace with this id (``T…``), ref or name. Raises BadInput when there is none, or several."""
    found = [
        each
        for each in await workspaces(settings)
        if wanted.casefold() in (each.workspace.id.casefold(), str(each.workspace).casefold(), each.name.casefold())
    ]
    if len(found) != 1:
        some = "no" if not found else "more than one"
        raise BadInput(f"{some} workspace {wanted} is connected; `allant slack workspaces` lists them with their ids")
    return found[0]


async def disconnect(settings: Settings, wanted: str, *, at_slack: bool) -> Installed:
    """Let go of the workspace. A running Allant notices within seconds. ``at_slack``: revoke the token there, so that
    it is of no more use to anybody. Raises as :func:`find_workspace`, and PlatformError when Slack could not be told;
    then nothing is changed."""
    gone = await find_workspace(settings, wanted)
    if at_slack:
        await revoke(settings.slack_api_url, gone.credentials.get("token", ""))
    async with _opened(settings) as store:
        await store.installations.forget(gone.workspace)
    return gone
