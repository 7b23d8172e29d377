"""Looks over a connection to Slack: one list of what is well, what is amiss, and how to mend it.

Nothing is changed and nothing is said in any channel. Tokens and secrets are in no finding.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.checkup import Finding, error, warning, well
from bot.core.refs import MemberRef, WorkspaceRef
from bot.platforms.slack.app import EVENTS_PATH

TIMEOUT_SECONDS = 10
PAGE = 1000
"""Channels asked for at once: the most that Slack gives."""
CLOCK_WARNING, CLOCK_ERROR = 30.0, 240.0
"""Seconds. Slack's signatures hold five minutes, and its own moments are compared with ours."""
MOST_NAMES = 12
"""Channels named in one finding."""
_TROUBLE = (SlackClientError, aiohttp.ClientError, asyncio.TimeoutError, OSError)
_CODE = re.compile(r"[\w:.-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is looked over. ``api_url`` ends with ``/api/``. ``needed``: the scopes the token should have.
    ``admins``: ALLANT_ADMINS."""

    api_url: str
    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    public_url: str = ""
    needed: Collection[str] = ()
    admins: Collection[str] = ()
    installed: bool = False
    """Whether the workspace was connected by the install page: its installer administers it, and the token comes from
    there."""


async def examine(
    patient: Patient,
    named: Mapping[str, str],
    *,
    into: bool = True,
    thoroughly: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Finding]:
    """Everything that can be told from outside. ``named``: the channels that the files name, without #, each with its
    file. ``into``: also whether events can reach us. ``thoroughly``: for that, open a connection of Socket Mode, or
    call our own address as Slack would."""
    ways = await way_in(patient, thoroughly=thoroughly) if into else []
    if not patient.bot_token:
        return [error("no_token"), *ways]
    if not patient.bot_token.startswith(("xoxb-", "xoxe.xoxb-")):
        return [error("token_kind", found=_kind(patient.bot_token)), *ways]
    client = _client(patient, patient.bot_token)
    findings, me = await _token(client, patient, now)
    if me is not None:
        findings += await _channels(client, named, str(me.get("user") or "allant"))
        findings += await _admins(client, patient, WorkspaceRef("slack", str(me.get("team_id"))))
    return findings + ways


async def way_in(patient: Patient, *, thoroughly: bool) -> list[Finding]:
    """Whether events can reach us, over Socket Mode or over HTTP."""
    if patient.app_token:
        return await _socket_mode(patient, thoroughly)
    if patient.signing_secret:
        return await _http(patient, thoroughly)
    return [error("no_way_in")]


def _client(patient: Patient, token: str) -> AsyncWebClient:
    client = AsyncWebClient(token, base_url=patient.api_url, timeout=TIMEOUT_SECONDS)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=2))
    return client


def _kind(token: str) -> str:
    """The beginning that tells what a token is for; nothing that is secret."""
    return f"{token.split('-')[0]}-" if re.match(r"xox[a-z.]{1,8}-|xapp-", token) else "something else"


def _told(problem: BaseException) -> str:
    """Slack's own code for it, or the kind of failure: neither holds a secret."""
    if isinstance(problem, SlackApiError):
        code = str(problem.response.get("error") or f"HTTP {getattr(problem.response, 'status_code', '?')}")
        return code if _CODE.fullmatch(code) else "an error without a code"
    return type(problem).__name__


# The token


async def _token(
    client: AsyncWebClient, patient: Patient, now: Callable[[], datetime]
) -> tuple[list[Finding], Mapping[str, Any] | None]:
    """What Slack says of the token, and of whom it is; None when it is of no use."""
    before = now()
    try:
        answer = await client.auth_test()
    except SlackApiError as problem:
        code = _told(problem)
        refused = {"token_expired": "token_expired", "missing_scope": "scopes_missing"}.get(code, "token_refused")
        key = "installation_revoked" if patient.installed and refused == "token_refused" else refused
        return [error(key, error=code, scopes=", ".join(patient.needed))], None
    except _TROUBLE as problem:
        return [error("unreachable", address=patient.api_url, error=_told(problem))], None
    said = answer.data if isinstance(answer.data, dict) else {}
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if said.get("is_enterprise_install"):
        return [error("org_wide")], None
    workspace = {"workspace": str(said.get("team") or ""), "ref": f"slack/{said.get('team_id')}"}
    findings = [well("token", bot=str(said.get("user") or ""), **workspace)]
    findings += _scopes(headers.get("x-oauth-scopes"), patient.needed)
    findings += _clock(headers.get("date"), before, now())
    return findings, said


def _scopes(granted: str | None, needed: Collection[str]) -> list[Finding]:
    """Nothing where the server does not tell."""
    if granted is None:
        return []
    have = {scope.strip() for scope in granted.split(",") if scope.strip()}
    missing, superfluous = sorted(set(needed) - have), sorted(have - set(needed))
    found = [error("scopes_missing", scopes=", ".join(missing))] if missing else [well("scopes")]
    return found + ([warning("scopes_superfluous", scopes=", ".join(superfluous))] if superfluous else [])


def _clock(date: str | None, before: datetime, after: datetime) -> list[Finding]:
    """Between sending and the answer, their clock showed ``date``, in whole seconds."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return []
    early, late = (before - theirs).total_seconds() - 1.0, (theirs - after).total_seconds()
    seconds = max(early, late)
    if seconds <= CLOCK_WARNING:
        return [well("clock")]
    values = {"seconds": str(round(seconds))}
    key = "clock_fast" if early > late else "clock_slow"
    return [error(key, **values) if seconds >= CLOCK_ERROR else warning(key, **values)]


# The channels and people that the files and settings name


async def _channels(client: AsyncWebClient, named: Mapping[str, str], bot: str) -> list[Finding]:
    if not named:
        return []
    membership: dict[str, bool] = {}
    cursor = ""
    try:
        while True:
            answer = await client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=PAGE, cursor=cursor or None
            )
            for each in answer.get("channels") or []:
                inside = each.get("is_member") is not False
                for name in (each.get("name"), each.get("name_normalized"), each.get("id")):
                    if name:
                        membership[str(name).casefold()] = inside
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
    except _TROUBLE as problem:
        return [warning("channels_unknown", error=_told(problem))]
    lost = {name: file for name, file in named.items() if name.casefold() not in membership}
    outside = [name for name in named if membership.get(name.casefold()) is False]
    findings = []
    if lost:
        findings.append(error("no_channel", names=_names([f"#{name} ({file})" for name, file in lost.items()])))
    if outside:
        findings.append(error("not_in_channel", names=_names([f"#{name}" for name in outside]), bot=bot))
    return findings or [well("channels", names=_names([f"#{name}" for name in named]))]


def _names(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" (+{more})" if more > 0 else "")


async def _admins(client: AsyncWebClient, patient: Patient, workspace: WorkspaceRef) -> list[Finding]:
    refs = [MemberRef.parse(each) for each in patient.admins if each.count("/") >= 2]
    here = [ref for ref in refs if ref.workspace == workspace]
    if not here and not patient.installed:
        return [warning("no_admin", ref=f"{workspace}/U0123ABCD")]
    for ref in here:
        try:
            await client.users_info(user=ref.id)
        except SlackApiError as problem:
            if _told(problem) in ("user_not_found", "user_not_visible"):
                return [error("admin_unknown", ref=str(ref))]
        except _TROUBLE:
            return []
    return [well("admins", number=str(len(here)))] if here else []


# The way in for events


async def _socket_mode(patient: Patient, thoroughly: bool) -> list[Finding]:
    if not patient.app_token.startswith("xapp-"):
        return [error("app_token_kind", found=_kind(patient.app_token))]
    try:
        answer = await _client(patient, patient.app_token).apps_connections_open(app_token=patient.app_token)
    except SlackApiError as problem:
        code = _told(problem)
        key = "app_token_scope" if code in ("missing_scope", "not_allowed_token_type") else "app_token_refused"
        return [error(key, error=code)]
    except _TROUBLE as problem:
        return [error("unreachable", address=patient.api_url, error=_told(problem))]
    if not thoroughly:
        return [well("app_token")]
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await _hello(str(answer.get("url")))
    except (*_TROUBLE, ValueError, TypeError) as problem:
        return [error("socket_unreachable", error=_told(problem))]
    return [well("socket")]


async def _hello(url: str) -> None:
    """A connection that is given up as soon as it is greeted: an event brought to it meanwhile would be brought to
    another one again, as it is not acknowledged."""
    async with aiohttp.ClientSession(trust_env=True) as session, session.ws_connect(url) as socket:
        if json.loads(await socket.receive_str()).get("type") != "hello":
            raise ValueError("not greeted")


async def _http(patient: Patient, thoroughly: bool) -> list[Finding]:
    found = [] if re.fullmatch(r"[0-9a-f]{32}", patient.signing_secret) else [warning("signing_secret_odd")]
    if not patient.public_url:
        return [*found, error("no_public_url")]
    if not patient.public_url.startswith("https://"):
        found.append(warning("public_url_plain", url=patient.public_url))
    if thoroughly:
        found.append(await _own_hook(patient, f"{patient.public_url.rstrip('/')}/hooks/{EVENTS_PATH}"))
    return found


async def _own_hook(patient: Patient, url: str) -> Finding:
    """Call ourselves as Slack does when an address is entered: with a challenge, signed."""
    challenge = secrets.token_hex(16)
    body = json.dumps({"type": "url_verification", "token": "", "challenge": challenge})
    stamp = str(int(datetime.now(UTC).timestamp()))
    signature = SignatureVerifier(patient.signing_secret).generate_signature(timestamp=stamp, body=body)
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": str(signature),
    }
    limit = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=True) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            said, status = await answer.text(), answer.status
    except _TROUBLE as problem:
        return error("hook_unreachable", url=url, error=_told(problem))
    if status == 200 and challenge in said:
        return well("hook", url=url)
    if status in (401, 403):
        return error("hook_refused", url=url)
    return error("hook_not_ours", url=url, status=str(status))
