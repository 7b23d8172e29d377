"""What the playground's page shows beyond the chat: the commands on offer, and what goes on behind the scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from bot.app import Allant
from bot.core.community import Role
from bot.core.dispatch import catalogue
from bot.core.excerpt import plain
from bot.core.policy import PolicyRules
from bot.core.reasons import reason_words
from bot.core.refs import LANGUAGES, Language, WorkspaceRef
from bot.markdown import MarkdownRenderer
from bot.platforms.playground import PlaygroundServer
from bot.platforms.playground.web import Hint, routes
from handlers import FEATURES

LEDGER_ROWS = 12


def playground_routes(allant: Allant, server: PlaygroundServer, workspace: WorkspaceRef) -> list[BaseRoute]:
    """The playground's page and API, with the commands of ``allant`` and a look at its ledger."""

    def hints(language: Language, role: Role) -> Sequence[Hint]:
        return command_hints(allant, language, role)

    async def status() -> Mapping[str, Any]:
        return await behind_the_scenes(allant, workspace)

    hosts = ("127.0.0.1", "localhost", "::1", allant.settings.host)
    return routes(server, MarkdownRenderer(), allant.clock, hints=hints, status=status, hosts=hosts)


def command_hints(allant: Allant, language: Language, role: Role) -> list[Hint]:
    """The commands somebody with ``role`` may give, in their own language's words."""
    found = []
    for feature, command in catalogue(FEATURES):
        if command.hidden or command.role > role:
            continue
        key = "_".join(command.path)
        path = command.french if language == "fr" and command.french else command.path
        usage = allant.library.words(language, f"{feature}.usage_{key}") if command.has_arguments else ""
        shortcut = allant.library.words(language, f"{feature}.shortcut_{key}") if command.shortcut else ""
        found.append(Hint(" ".join(path), allant.library.words(language, f"{feature}.help_{key}"), usage, shortcut))
    return found


async def behind_the_scenes(allant: Allant, workspace: WorkspaceRef) -> dict[str, Any]:
    """A few figures and the latest rows of the ledger, without a word of any message."""
    rows = await allant.store.ledger.recent(workspace, limit=LEDGER_ROWS)
    report = await allant.store.metrics.report(
        workspace, until=allant.clock.now().date(), threshold=allant.schedules.rules(PolicyRules).threshold
    )
    return {
        "figures": {
            "active_week": report.value("active_week"),
            "messages": report.value("messages"),
            "asked": report.value("faq_asked"),
            "answered": report.value("faq_found"),
            "bot_posts": report.value("bot_posts"),
        },
        "ledger": [
            {
                "at": (each.sent_at or each.due).isoformat(),
                "state": each.state.value,
                "kind": each.kind.value,
                "feature": each.feature,
                "to": each.to.id,
                "why": _why(allant, each.reason),
            }
            for each in rows
        ],
    }


def _why(allant: Allant, reason: str) -> dict[Language, str]:
    """The reason in each language, without what escapes it in Markdown: the page shows it as plain text."""
    if not reason:
        return {}
    return {each: plain(reason_words(allant.library.words, each, reason)) for each in LANGUAGES}
