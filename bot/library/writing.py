"""Entries written as the files of content/faq that read back to the same entries."""

from __future__ import annotations

from typing import Any

import yaml

from bot.core.knowledge import Entry


class _Flow(list[str]):
    """A list written on one line: ``tags: [messages, tools]``."""


class _Dumper(yaml.SafeDumper):
    """Indents lists, as the starter files do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


_Dumper.add_representer(_Flow, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, True))


def file_of(entry: Entry, *, draft: bool = False) -> tuple[str, str]:
    """The name of the entry's file in content/faq, and its text: front matter, then Markdown. ``draft``: nobody finds
    it before somebody deletes that line."""
    matter: dict[str, Any] = {"title": entry.title}
    if entry.questions:
        matter["questions"] = list(entry.questions)
    if entry.tags:
        matter["tags"] = _Flow(entry.tags)
    matter |= {"audience": entry.audience, "owner": entry.owner}
    if entry.review_by is not None:
        matter["review_by"] = entry.review_by
    if draft:
        matter["state"] = "draft"
    head = yaml.dump(matter, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"{entry.slug}.{entry.language}.md", f"---\n{head}---\n{entry.body.strip()}\n"
