"""The page of all commands, and the guides' table of Slack's scopes, made from what the features declare, so that they
can never be out of step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.core.community import Role
from bot.core.dispatch import catalogue
from bot.core.feature import Feature
from bot.core.ports import Library
from bot.core.refs import LANGUAGES, Language
from bot.library import ContentLibrary
from bot.metrics_page import metrics_page
from bot.settings import starter_folder
from handlers import FEATURES

_TITLES: dict[Language, str] = {"en": "Commands", "fr": "Commandes"}
_INTROS: dict[Language, str] = {
    "en": "Made by `make docs` from what the features declare. On Matrix, write `!allant` instead of `/allant`; on "
    "Telegram leave `allant` out: `/calendar next`.",
    "fr": "Page faite par `make docs` d’après ce que déclarent les pratiques. Sur Matrix, écrivez `!allant` au lieu "
    "de `/allant` ; sur Telegram, sans `allant` : `/calendrier prochains`.",
}
_HEADS: dict[Language, str] = {
    "en": "| command | in French | for | what it does |",
    "fr": "| commande | en anglais | pour | ce qu’elle fait |",
}
_ROLES: dict[Language, dict[Role, str]] = {
    "en": {Role.MEMBER: "everyone", Role.ANIMATOR: "animators", Role.ADMIN: "administrators"},
    "fr": {Role.MEMBER: "tout le monde", Role.ANIMATOR: "animation", Role.ADMIN: "administration"},
}


def commands_page(features: Sequence[Feature], library: Library, language: Language) -> str:
    """The Markdown of the page in ``language``."""
    lines = [f"# {_TITLES[language]}", "", _INTROS[language]]
    for feature in features:
        rows = [(name, each) for name, each in catalogue([feature]) if not each.hidden]
        if not rows:
            continue
        lines += ["", f"## {feature.name}", "", _HEADS[language], "| --- | --- | --- | --- |"]
        for name, command in rows:
            key = "_".join(command.path)
            usage = f" {library.words(language, f'{name}.usage_{key}')}" if command.has_arguments else ""
            usage = usage.replace("|", r"\|")  # A bare one would end the table's cell.
            english, french = " ".join(command.path), " ".join(command.french or command.path)
            first, second = (french, english) if language == "fr" else (english, french)
            says = library.words(language, f"{name}.help_{key}")
            role = _ROLES[language][command.role]
            lines.append(f"| `/allant {first}{usage}` | `{second}` | {role} | {says} |")
    return "\n".join(lines) + "\n"


def write_pages(docs: Path) -> list[Path]:
    """Write the pages in both languages below ``docs``; the files written."""
    library = ContentLibrary(starter_folder("content"))
    library.load()
    files: dict[Language, Path] = {"en": docs / "commands.md", "fr": docs / "fr" / "commands.md"}
    for language in LANGUAGES:
        files[language].parent.mkdir(parents=True, exist_ok=True)
        files[language].write_text(commands_page(FEATURES, library, language), encoding="utf-8")
    metrics = {language: path.with_name("metrics.md") for language, path in files.items()}
    for language, path in metrics.items():
        path.write_text(metrics_page(library, language), encoding="utf-8")
    return [*files.values(), *metrics.values()]


def write_scopes(docs: Path) -> None:
    """Write the table of scopes into the guides of Slack, between their marks."""
    from bot.platforms.slack.manifest import listened
    from bot.platforms.slack.scopes import needed, scopes_table, subscriptions

    asked = needed(subscriptions(listened(FEATURES)))
    guides: dict[Language, Path] = {"en": docs / "slack.md", "fr": docs / "fr" / "slack.md"}
    for language, guide in guides.items():
        before, begin, rest = guide.read_text(encoding="utf-8").partition("<!-- scopes: written by make docs -->\n")
        _, end, after = rest.partition("<!-- /scopes -->")
        table = scopes_table(language, asked)
        guide.write_text(f"{before}{begin}{table}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path("docs"))
    write_scopes(Path("docs"))
