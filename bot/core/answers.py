"""Answers of the FAQ that animators write in chat, on their way from a draft to being found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.core.knowledge import Entry
from bot.core.refs import LANGUAGES, Language, WorkspaceRef
from bot.core.status import Status


@dataclass(frozen=True, slots=True)
class Wording:
    """An answer in one language: ``title`` is the question in its best form, ``questions`` other ways to ask it."""

    title: str
    body: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer written in chat. ``owner`` is a role (``animator``) or a member's ref: who approves it. ``version``
    grows with every change, so that a form opened before somebody else's change is told from a fresh one."""

    slug: str
    texts: Mapping[Language, Wording]
    tags: tuple[str, ...] = ()
    audience: Literal["everyone", "employees"] = "everyone"
    owner: str = "animator"
    review_by: date | None = None
    status: Status = Status.IN_REVIEW
    version: int = 1

    @property
    def title(self) -> str:
        """Its title in the first language it has."""
        return next((wording.title for wording in self.texts.values()), self.slug)

    def entries(self) -> list[Entry]:
        """What the library serves of it: an entry in each language it is written in."""
        return [
            Entry(
                slug=self.slug,
                kind="faq",
                language=language,
                title=wording.title,
                body=wording.body,
                questions=wording.questions,
                tags=self.tags,
                audience=self.audience,
                owner="animator",
                review_by=self.review_by,
            )
            for language in LANGUAGES
            if (wording := self.texts.get(language)) is not None
        ]


class Answers(ABC):
    """The answers written in chat. The library serves those that are approved, of every workspace: what an organisation
    knows is the same on all its platforms, as its files are."""

    @abstractmethod
    async def get(self, workspace: WorkspaceRef, slug: str) -> KeptAnswer | None: ...

    @abstractmethod
    async def all(
        self, workspace: WorkspaceRef, *, status: Status | None = None, after: str = "", limit: int = 200
    ) -> Sequence[KeptAnswer]:
        """By slug, those up to the slug ``after`` left out; narrowed to a state."""

    @abstractmethod
    async def approved(self) -> Sequence[KeptAnswer]:
        """The approved ones of every workspace; where several have the same slug, one of them."""

    @abstractmethod
    async def stamp(self) -> str:
        """Changes when an answer was written, changed or removed, by whatever process."""
