"""What the page gets to see: the server's records as JSON, for one person."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from bot.core.message import Form, link_target
from bot.core.rendering import Renderer
from bot.platforms.playground.records import BOT, Person, Post, Room, form_data
from bot.platforms.playground.server import PlaygroundServer

_PAGE = 60
"""How many root posts are shown at once; the page asks for older ones."""

_NAMED = 12
"""How many people a reaction names."""

_WEB = re.compile(r"(https?://|mailto:)[^\s<>\"]+$", re.IGNORECASE)


def href(address: str) -> str | None:
    """Where a link in the bot's words leads: a person or channel of the page, the web, or (None) nowhere."""
    target = link_target(address)
    if target is not None:
        kind, identifier = target
        return f"#{'person' if kind == 'mention' else 'channel'}/{quote(identifier, safe='')}"
    return address if _WEB.match(address) else None


class Views:
    """Records of ``server`` as JSON. The bot's Markdown becomes HTML here; people's words stay plain text."""

    def __init__(self, server: PlaygroundServer, renderer: Renderer) -> None:
        self._server = server
        self._html = lru_cache(maxsize=2000)(lambda markdown: renderer.html(markdown, href))

    def person(self, person: Person) -> dict[str, Any]:
        return {
            "id": person.id,
            "name": person.name,
            "language": person.language,
            "zone": person.zone,
            "title": person.title,
            "guest": person.guest,
            "manager": person.manager,
            "animator": person.animator,
            "admin": person.admin,
            "bot": person.bot,
            "active": person.active,
        }

    def channels(self, viewer: Person) -> list[dict[str, Any]]:
        """The channels the person may see and their direct conversation, which comes first."""
        inside = self._server.rooms_of(viewer.id)
        rooms = [self._server.direct(viewer.id), *self._server.rooms()]
        return [self._room(room, viewer, inside) for room in rooms if self._server.may_see(viewer, room)]

    def messages(self, channel: Room, viewer: Person, before: int | None) -> dict[str, Any]:
        """The latest root posts of a channel, or those before a number; ``more`` when there are older ones."""
        posts = self._server.archive.posts(channel.id, viewer.id, before=before, limit=_PAGE + 1)
        return {"messages": self.posts(posts[-_PAGE:], viewer), "more": len(posts) > _PAGE}

    def thread(self, root: Post, viewer: Person) -> dict[str, Any]:
        """A root post and its replies."""
        replies = self._server.archive.replies(root.id, viewer.id)
        return {"root": self.posts([root], viewer)[0], "replies": self.posts(replies, viewer)}

    def changed(self, identifiers: Sequence[str], viewer: Person) -> list[dict[str, Any]]:
        """These posts as they are now, with the roots of those in threads; without those the person may not see."""
        found = {identifier: self._server.archive.post(identifier) for identifier in identifiers}
        for post in list(found.values()):
            if post is not None and post.thread is not None:
                found.setdefault(post.thread, self._server.archive.post(post.thread))
        return self.posts([post for post in found.values() if post and self._sees(viewer, post)], viewer)

    def posts(self, posts: Sequence[Post], viewer: Person) -> list[dict[str, Any]]:
        reactions = self._server.archive.reactions(posts)
        sizes = self._server.archive.thread_sizes([post for post in posts if post.thread is None], viewer.id)
        return [self._post(post, viewer, reactions.get(post.id, {}), sizes.get(post.id)) for post in posts]

    def _sees(self, viewer: Person, post: Post) -> bool:
        return post.visible_to in (None, viewer.id) and self._server.may_see(viewer, self._server.room(post.channel))

    def _room(self, room: Room, viewer: Person, inside: dict[str, int]) -> dict[str, Any]:
        member = room.id in inside
        return {
            "id": room.id,
            "name": room.name,
            "about": dict(room.about),
            "direct": room.direct_with is not None,
            "archived": room.archived,
            "one_way": room.one_way,
            "member": member,
            "read": inside.get(room.id, 0),
            "members": len(self._server.archive.people_in(room.id)),
            "unread": self._server.archive.unread(room.id, viewer.id, inside[room.id]) if member else 0,
        }

    def _post(
        self, post: Post, viewer: Person, reactions: dict[str, list[str]], thread: tuple[int, Any] | None
    ) -> dict[str, Any]:
        said = {"html": self._html(post.text)} if post.author == BOT else {"text": post.text}
        return said | {
            "id": post.id,
            "number": post.number,
            "channel": post.channel,
            "author": post.author,
            "at": post.at.isoformat(),
            "thread": post.thread,
            "replies": {"count": thread[0], "at": thread[1].isoformat()} if thread else None,
            "buttons": [{"label": each.label, "style": each.style} for each in post.buttons],
            "form": form_of(post.form, self._html) if post.form else None,
            "answers": post.answers,
            # The page asks for each picture and file by its place in the post: they are far larger than the words.
            "images": [{"alt": each.alt, "width": each.width, "height": each.height} for each in post.images],
            "files": [{"name": each.name} for each in post.files],
            "private": post.visible_to is not None and self._server.room(post.channel).direct_with is None,
            "command": post.command,
            "edited": post.edited,
            "deleted": post.deleted,
            "reactions": [
                {
                    "emoji": emoji,
                    "count": len(people),
                    "mine": viewer.id in people,
                    "people": [self._server.person(each).name for each in people[:_NAMED]],
                }
                for emoji, people in reactions.items()
            ],
        }

    def home(self, viewer: Person) -> dict[str, Any] | None:
        """What the person's home shows and since when; None before the bot showed anything."""
        found = self._server.archive.home(viewer.id)
        if found is None:
            return None
        sections = [
            {
                "html": self._html(each.text),
                "buttons": [{"label": button.label, "style": button.style} for button in each.buttons],
            }
            for each in found[1]
        ]
        return {"at": found[0].isoformat(), "sections": sections}


def form_of(form: Form, html: Callable[[str], str]) -> dict[str, Any]:
    """A form for the page, its Markdown as HTML. It sends values only: what they are for stays here."""
    data = form_data(form)
    del data["command"], data["text"]
    buttons = [{"label": each.label, "style": each.style} for each in form.buttons]
    return data | {"html": html(form.text), "preview": html(form.preview), "buttons": buttons}
