"""Puts the search together: which embedders the settings and this machine allow, and the organisation's calibration."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bot.core.embedding import Embedder
from bot.core.errors import BadInput
from bot.embedding import PACKAGES, LocalEmbedder, ServiceEmbedder, Workshop, why_not
from bot.library import ContentLibrary, Figures, shipped
from bot.settings import Settings, starter_folder

log = logging.getLogger("allant.search")


def make_embedders(settings: Settings) -> list[Embedder]:
    """What compares meaning: the service when one is named, else the models that are installed and run here; none
    when ALLANT_MEANING is off, or nothing is installed: words alone then."""
    if not settings.meaning:
        return []
    if settings.embedding_model:
        return [
            ServiceEmbedder(
                api_key=settings.embedding_api_key.get_secret_value(),
                base_url=settings.embedding_base_url,
                model=settings.embedding_model,
            )
        ]
    workshop = Workshop()
    return [LocalEmbedder(model, workshop) for model in PACKAGES if not why_not(model)]


def make_library(settings: Settings, *, content: Path | None = None) -> ContentLibrary:
    """The library with all its search: its folder is ``content``, or the settings'. Raises BadInput for a calibration
    that cannot be read."""
    return ContentLibrary(
        content or settings.content,
        spare=starter_folder("content"),
        embedders=make_embedders(settings),
        index_folder=settings.index_dir,
        figures=read_calibration(settings.calibration_file),
    )


def read_calibration(path: Path) -> Mapping[str, Figures] | None:
    """The shipped figures with the organisation's own calibration, as `allant faq calibrate` wrote it; None without
    such a file."""
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        own = {
            mode: {name: float(each[name]) for name in ("slope", "shift", "direct", "channel")}
            for mode, each in read["modes"].items()
        }
        return {
            mode: figures.calibrated(**own[mode]) if mode in own else figures for mode, figures in shipped().items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(
            f"ALLANT_CALIBRATION_FILE={path} holds no calibration: make it again with `allant faq calibrate`, or "
            "remove it to go back to the figures that come with Allant"
        ) from None


def write_calibration(path: Path, mode: str, figures: Figures, measured: Mapping[str, float]) -> None:
    """Keep a calibration of one mode; those of the others stay as they are."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        read = {}
    modes = read.get("modes", {})
    kept = asdict(figures)
    modes[mode] = {name: round(kept[name], 4) for name in ("slope", "shift", "direct", "channel")}
    modes[mode]["measured"] = dict(measured)
    about = "Made by `allant faq calibrate` from the organisation's own questions. Remove it to undo."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "modes": modes}, indent=1) + "\n", encoding="utf-8")
