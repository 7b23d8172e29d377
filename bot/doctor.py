"""`allant doctor`: what is configured, what works, what is missing and how to mend it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Literal

from bot.checking import check_files
from bot.core.embedding import Embedder
from bot.core.errors import AllantError, EmbedderUnavailable
from bot.embedding import PACKAGES, why_not
from bot.searching import make_embedders, read_calibration
from bot.settings import Settings

State = Literal["ok", "off", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``off``: not configured, which is well; ``warn``: works, though less well than it could."""

    what: str
    state: State
    says: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at without a platform's help. Changes nothing."""
    return [
        *_files(settings),
        *_platforms(settings),
        *asyncio.run(_meaning(settings)),
        _index(settings),
        _calibration(settings),
        _writer(settings),
    ]


def _files(settings: Settings) -> list[Finding]:
    problems = check_files(settings)
    if problems:
        return [Finding("content", "warn", f"{len(problems)} problems in content and schedules", "allant check")]
    return [Finding("content", "ok", f"{settings.content} and {settings.schedules}")]


def _platforms(settings: Settings) -> list[Finding]:
    found = []
    if settings.slack_bot_token.get_secret_value() or settings.slack_client_id:
        found.append(Finding("slack", "ok", "configured", "allant slack doctor asks Slack itself"))
    if settings.telegram_token.get_secret_value():
        found.append(Finding("telegram", "ok", "configured", "allant telegram doctor asks Telegram itself"))
    if settings.matrix_homeserver:
        found.append(Finding("matrix", "ok", f"as {settings.matrix_user} on {settings.matrix_homeserver}"))
    if settings.playground:
        found.append(Finding("playground", "ok", "served by `allant run`"))
    if not found:
        mend = (
            "set ALLANT_SLACK_BOT_TOKEN, ALLANT_TELEGRAM_TOKEN or ALLANT_MATRIX_HOMESERVER, or ALLANT_PLAYGROUND=true "
            "(see .env.example)"
        )
        found.append(Finding("platforms", "warn", "none: `allant run` will not start", mend))
    return found


async def _meaning(settings: Settings) -> list[Finding]:
    """Each embedder is asked for a vector: only that shows that it works."""
    if not settings.meaning:
        return [Finding("search by meaning", "off", "words only (ALLANT_MEANING=false)")]
    if not settings.embedding_model:
        missing = [Finding(f"embedder {name}", "warn", "not used", why_not(name)) for name in PACKAGES if why_not(name)]
    else:
        missing = []
    embedders = make_embedders(settings)
    try:
        found = [await _tried(each) for each in embedders]
    finally:
        for each in embedders:
            await each.close()
    if any(each.state == "ok" for each in found):
        head = Finding("search by meaning", "ok", "on")
    else:
        mend = "pip install 'allant[meaning]', or name a service: ALLANT_EMBEDDING_MODEL"
        head = Finding("search by meaning", "warn", "off: words only, which find far less", mend)
    return [head, *found, *missing]


async def _tried(embedder: Embedder) -> Finding:
    try:
        (vector,) = await embedder.embed(["Comment ça marche ?"], asked=True)
    except EmbedderUnavailable as error:
        return Finding(f"embedder {embedder.name}", "fail", str(error), "words answer meanwhile")
    return Finding(f"embedder {embedder.name}", "ok", f"works, {len(vector)} numbers a text")


def _index(settings: Settings) -> Finding:
    folder = settings.index_dir
    files = sorted(folder.glob("*.vectors")) if folder.is_dir() else []
    if not files:
        return Finding("search index", "off", f"{folder}: nothing kept yet; made when Allant runs")
    size = sum(each.stat().st_size for each in files) / 1e6
    return Finding("search index", "ok", f"{folder}: {size:.1f} MB")


def _calibration(settings: Settings) -> Finding:
    try:
        own = read_calibration(settings.calibration_file)
    except AllantError as error:
        return Finding("calibration", "fail", str(error), "allant faq calibrate QUESTIONS")
    if own is None:
        return Finding("calibration", "off", "the shipped thresholds", "allant faq calibrate, once you have questions")
    modes = json.loads(settings.calibration_file.read_text(encoding="utf-8"))["modes"]
    return Finding("calibration", "ok", f"{settings.calibration_file}: your own, for {', '.join(modes)}")


def _writer(settings: Settings) -> Finding:
    if settings.writer_api_key.get_secret_value():
        return Finding("writing service", "ok", f"{settings.writer_model} at {settings.writer_base_url}")
    return Finding("writing service", "off", "drafts come from templates", "set ALLANT_WRITER_API_KEY to have one")
