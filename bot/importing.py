"""What `allant import ics` and `allant export schedules` do: items from another calendar, and items out of the chat."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from bot.checking import rules_by_name
from bot.core.calendar import DRAFT, Item
from bot.core.errors import BadInput
from bot.core.policy import PolicyRules
from bot.forecast import knowledge, read_files
from bot.ical import Untold, read_events
from bot.settings import Settings, starter_folder
from bot.timetable import Schedules, files_of

_REMARK = """\
Imported from {name} on {day}. Every item is a draft: nothing of it goes out.
For each: correct the words, translate them (both languages hold the same text now), then delete its line "state".
Importé de {name} le {day}. Chaque élément est un brouillon : rien n'en est publié.
Pour chacun : corrigez le texte, traduisez-le (il est le même dans les deux langues pour l'instant), puis effacez sa
ligne "state"."""
_EXPORTED = """\
Exported from {workspace} on {day}: the items made in chat. Put this file into schedules/ of another installation,
or delete the items in chat before you put it into this one's: an id is used once.
Exporté de {workspace} le {day} : les éléments créés dans le chat. Placez ce fichier dans schedules/ d'une autre
installation, ou supprimez d'abord ces éléments du chat pour celle-ci : un identifiant ne sert qu'une fois."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file ready to be written: its text, the items in it, and what could not be told."""

    text: str
    items: Sequence[Item]
    untold: Sequence[Untold] = ()


def from_ics(settings: Settings, file: Path, *, to: Sequence[str], target: Path, all_day: time, now: datetime) -> Ready:
    """The events of the .ics ``file`` as draft items for the places ``to``, ready to be written to ``target``.

    ``all_day``: when the post of an event that lasts all day goes out. Raises BadInput when the file cannot be used.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None
    schedules = Schedules(settings.schedules, rules_by_name())
    schedules.load()
    # What the file that is written anew held before may have its ids again.
    taken = {item.id for item in schedules.items() if item.file != target.name}
    zone = schedules.rules(PolicyRules).zone
    try:
        read = read_events(data, to=_places(to), zone=zone, all_day=all_day, taken=taken, now=now)
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from None
    good: list[Item] = []
    untold = list(read.untold)
    for item in read.items:
        draft = replace(item, state=DRAFT)
        wrong = _wrong(draft)
        if wrong:
            untold.append(Untold(item.line, item.id, wrong, left_out=True))
        else:
            good.append(draft)
    text = ""
    if good:
        (text,) = files_of(good, _REMARK.format(name=_harmless(file.name), day=f"{now:%Y-%m-%d}"))
        remaining = _wrong(*good)
        if remaining:
            raise BadInput(f"{file}: the items cannot be written: {remaining}")
    return Ready(text, good, sorted(untold, key=lambda each: (each.line, each.event)))


def _places(to: Sequence[str]) -> list[str]:
    return [place if place.startswith(("#", "@", "tag:")) else f"#{place}" for place in to]


def _harmless(name: str) -> str:
    """A file's name for a remark: it may hold line breaks and worse."""
    return "".join(letter for letter in name if letter.isprintable())[:80]


def _wrong(*items: Item) -> str:
    """What is wrong with the items once they are written and read again; empty when nothing is."""
    with tempfile.TemporaryDirectory(prefix="allant-items-") as folder:
        for number, text in enumerate(files_of(items)):
            Path(folder, f"items-{number}.yaml").write_text(text, encoding="utf-8")
        schedules = Schedules(Path(folder), {})
        problems = schedules.load()
        read = {item.id for item in schedules.items()}
    if problems:
        return "; ".join(dict.fromkeys(problem.reason for problem in problems))
    return "" if read == {item.id for item in items} else "they do not read back as they are"


def import_target(settings: Settings, chosen: Path | None) -> Path:
    """Where to write: the file chosen, else imported.yaml among the schedules. Raises BadInput for the starter files,
    which are nobody's to write to."""
    if chosen is not None:
        return chosen
    if settings.schedules.resolve() == starter_folder("schedules").resolve() and not Path("schedules").is_dir():
        raise BadInput("there is no schedules/ here: run `allant init DIR` first, or name a file with --out")
    return settings.schedules / "imported.yaml"


def write(target: Path, text: str) -> None:
    """Write the file as one: a crash leaves the former one. Raises BadInput."""
    aside = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(target)
    except OSError as error:
        raise BadInput(f"{target}: {error.strerror}") from None


async def from_chat(settings: Settings, workspace: str, now: datetime) -> list[Ready]:
    """The items made in chat, ready to be written; several files where launches begin on several days."""
    files = read_files(settings.content, settings.schedules)
    async with knowledge(settings, files, workspace, now) as known:
        if known.store is None:
            raise BadInput(f"nothing was made in chat yet: Allant has not run with {settings.database_url}")
        items = await known.kept_items(None)
        remark = _EXPORTED.format(workspace=known.workspace, day=f"{now:%Y-%m-%d}")
    return [Ready(text, items) for text in files_of(items, remark)] if items else []


def _counted(number: int) -> str:
    return "1 draft item" if number == 1 else f"{number} draft items"


def told(ready: Ready, target: Path) -> RenderableType:
    """What was imported, and what was not, for people."""
    out_of = sum(each.left_out for each in ready.untold)
    lines: list[RenderableType] = [f"{_counted(len(ready.items))} for {escape(str(target))}; {out_of} left out."]
    if ready.untold:
        table = Table("Line", "Event", "What to know", title_justify="left")
        for each in ready.untold:
            what = f"[red]left out[/red]: {escape(each.reason)}" if each.left_out else escape(each.reason)
            table.add_row(str(each.line) if each.line else "", escape(each.event[:60]), what)
        lines.append(table)
    return Group(*lines)
