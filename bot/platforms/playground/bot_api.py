"""The bot's side of the playground's server: what a real platform offers through its web API.

Requests carry a key: the same key is carried out once, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.core.message import Message
from bot.platforms.playground.faults import NotAllowed
from bot.platforms.playground.homes import Homes
from bot.platforms.playground.records import BOT, MAX_CHARACTERS, Change, Post
from bot.platforms.playground.server import PlaygroundServer, Rejected


class BotApi:
    """Methods raise ServerTrouble, and return the post they concern once it is in the server's file."""

    def __init__(self, server: PlaygroundServer) -> None:
        self._server = server
        self._archive = server.archive
        self._homes = Homes(server)

    async def post(
        self,
        channel: str,
        message: Message,
        *,
        key: str,
        thread: str | None = None,
        visible_to: str | None = None,
        answers: str = "",
    ) -> Post | None:
        """Say something in a channel or direct conversation. ``answers``: the id of the happening it answers."""

        def write() -> Post:
            room = self._server.room(channel)
            if room.archived:
                raise NotAllowed("the channel is closed")
            if room.direct_with is not None and not self._server.person(room.direct_with).active:
                raise NotAllowed("the person left")
            stored = self._archive.add_post(
                Post(
                    number=0,
                    id="",
                    channel=room.id,
                    author=BOT,
                    text=_checked(message.text),
                    at=self._server.now(),
                    thread=self._root(room.id, thread) if thread else None,
                    visible_to=self._server.person(visible_to).id if visible_to else None,
                    buttons=message.buttons,
                    form=message.form,
                    key=key,
                    answers=answers,
                    images=message.images,
                    files=message.files,
                )
            )
            self._server.changed(Change("post", stored.id))
            return stored

        return self._once(key, write)

    async def post_to(self, person: str, message: Message, *, key: str, answers: str = "") -> Post | None:
        """Say something to a person in their direct conversation."""
        try:
            room = self._server.direct(person)
        except Rejected as error:
            raise NotAllowed(str(error)) from None
        return await self.post(room.id, message, key=key, answers=answers)

    async def edit(self, post: str, message: Message, *, key: str) -> Post | None:
        """Replace the words, buttons and form of one of the bot's own posts."""

        def write() -> Post:
            changed = replace(
                self._own(post),
                text=_checked(message.text),
                buttons=message.buttons,
                form=message.form,
                images=message.images,
                files=message.files,
                edited=True,
            )
            return self._change(changed)

        return self._once(key, write)

    async def delete(self, post: str, *, key: str) -> Post | None:
        """Take one of the bot's own posts back."""

        def write() -> Post:
            return self._change(
                replace(self._own(post), text="", buttons=(), form=None, images=(), files=(), deleted=True)
            )

        return self._once(key, write)

    async def react(self, post: str, emoji: str, *, key: str) -> Post | None:
        """React to somebody's post."""

        def write() -> Post:
            target = self._post(post)
            self._archive.react(target, BOT, emoji)
            self._server.changed(Change("post", target.id))
            return target

        return self._once(key, write)

    async def show_home(self, person: str, message: Message) -> None:
        """Have the person's home show these sections from now on. Doing it again changes nothing."""
        fault = self._server.faults.before()
        try:
            with self._server.step():
                self._homes.show(person, message.sections)
        except Rejected as error:
            raise NotAllowed(str(error)) from None
        self._server.faults.after(fault)

    async def find(self, key: str) -> tuple[bool, str | None]:
        """Whether the request with this key was carried out, and the id of its post."""
        fault = self._server.faults.before()
        found = self._archive.request(key)
        self._server.faults.after(fault)
        return found

    def _once(self, key: str, write: Callable[[], Post]) -> Post | None:
        fault = self._server.faults.before()
        done, identifier = self._archive.request(key)
        if done:
            post = self._archive.post(identifier) if identifier else None
        else:
            try:
                with self._server.step():
                    post = write()
                    self._archive.note_request(key, post)
            except Rejected as error:
                raise NotAllowed(str(error)) from None
        self._server.faults.after(fault)
        return post

    def _change(self, post: Post) -> Post:
        self._archive.change_post(post)
        self._server.changed(Change("post", post.id))
        return post

    def _post(self, identifier: str) -> Post:
        post = self._archive.post(identifier)
        if post is None or post.deleted:
            raise NotAllowed("there is no such message")
        return post

    def _own(self, identifier: str) -> Post:
        post = self._post(identifier)
        if post.author != BOT:
            raise NotAllowed("the message is not the bot's own")
        return post

    def _root(self, channel: str, thread: str) -> str:
        post = self._archive.post(thread)
        if post is None or post.channel != channel:
            raise NotAllowed("there is no such thread")
        return post.thread or post.id


def _checked(text: str) -> str:
    if not text.strip():
        raise NotAllowed("the message is empty")
    if len(text) > MAX_CHARACTERS:
        raise NotAllowed(f"the message is longer than {MAX_CHARACTERS:,} characters")
    return text
