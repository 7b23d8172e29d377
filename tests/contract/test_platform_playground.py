"""The playground passes the suite of the platforms."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from bot.core.clock import VirtualClock
from bot.core.delivery import Delivery, Kind
from bot.core.errors import PlatformError, RateLimited, Refused, Unreachable, Unsure
from bot.core.events import MemberJoined
from bot.core.message import Message
from bot.core.refs import ChannelRef, MemberRef, MessageRef
from bot.markdown import MarkdownRenderer
from bot.platforms.playground import BOT, Fault, Person, PlaygroundPlatform, PlaygroundServer
from bot.platforms.playground.homes import Homes
from bot.platforms.playground.records import Post
from bot.platforms.playground.views import form_of, href
from tests.contract.platform_suite import PlatformSuite
from tests.contract.platform_world import Heard, Seen, SeenForm, World

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FAULTS = {
    RateLimited: Fault.RATE_LIMIT,
    Unreachable: Fault.UNREACHABLE,
    Unsure: Fault.UNSURE_LOST,
    Refused: Fault.REFUSE,
}


class _Page(HTMLParser):
    """Reads the bot's HTML as a browser would show it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.strong: list[str] = []
        self.mentions: set[str] = set()
        self._in_strong = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"p", "strong", "em", "a", "br", "ul", "ol", "li", "code", "hr", "h1", "h2", "h3"}
        self._in_strong = self._in_strong or tag == "strong"
        address = dict(attrs).get("href") or ""
        if address.startswith("#person/"):
            self.mentions.add(unquote(address.removeprefix("#person/")))

    def handle_endtag(self, tag: str) -> None:
        self._in_strong = self._in_strong and tag != "strong"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_strong:
            self.strong.append(data)


class PlaygroundWorld(World):
    def __init__(self, server: PlaygroundServer, heard: Heard) -> None:
        self.server = server
        self.platform = PlaygroundPlatform(server, retry_seconds=0)
        self.heard = heard
        self.homes = Homes(server)
        self.asked: dict[str, str] = {}
        self.channel = ChannelRef(self.platform.workspace, server.create_room("general").id)

    async def newcomer(self, name: str) -> MemberRef:
        person = self.server.arrive(Person(id=name.casefold(), name=name))
        return MemberRef(self.platform.workspace, person.id)

    async def say(
        self,
        person: MemberRef,
        text: str,
        *,
        thread: MessageRef | None = None,
        to_bot: bool = False,
        direct: bool = False,
    ) -> MessageRef:
        room = self.server.direct(person.id).id if direct else self.channel.id
        words = f"@allant {text}" if to_bot else text
        post = self.server.say(person.id, room, words, thread.id if thread else None)
        return MessageRef(ChannelRef(self.platform.workspace, room), post.id)

    async def command(self, person: MemberRef, text: str) -> None:
        self.server.say(person.id, self.channel.id, f"/allant {text}")

    async def press(self, person: MemberRef, message: MessageRef, label: str) -> None:
        post = self.server.archive.post(message.id)
        assert post is not None
        self.server.press(person.id, post.id, [button.label for button in post.buttons].index(label))

    async def submit(self, person: MemberRef, message: MessageRef, values: Mapping[str, str], button: str = "") -> None:
        post = self._asking(message)
        assert post is not None
        assert post.form is not None
        number = [each.label for each in post.form.buttons].index(button) if button else None
        self.asked[message.id] = self.server.submit(person.id, post.id, values, number)

    async def form(self, person: MemberRef, message: MessageRef) -> SeenForm | None:
        post = self._asking(message)
        if post is None or post.form is None:
            return None
        form = form_of(post.form, lambda markdown: MarkdownRenderer().html(markdown, href))
        texts = [form["title"], form["submit"], *(each["label"] for each in form["buttons"])]
        texts += [_Page(form[each]).text for each in ("html", "preview")]
        texts += [field[each] for field in form["fields"] for each in ("label", "help")]
        return SeenForm(
            text="\n".join(texts),
            values={each["name"]: each["value"] for each in form["fields"]},
            errors={each["name"]: each["error"] for each in form["fields"] if each["error"]},
        )

    def _asking(self, message: MessageRef) -> Post | None:
        """The post whose form the page shows for ``message``, as it does: the answer's, where that has one."""
        asked = self.asked.get(message.id)
        posts = self.server.archive.all_posts()
        return next((post for post in posts if (post.answers == asked if asked else post.id == message.id)), None)

    async def attached(self, message: MessageRef, by: MemberRef) -> Sequence[tuple[str, bytes]]:
        post = self.server.archive.post(message.id)
        assert post is not None
        files = [(each.name, each.text.encode()) for each in post.files]
        return [*((each.alt, each.data) for each in post.images), *files]

    async def open_home(self, person: MemberRef) -> None:
        self.homes.open(person.id)

    async def home(self, person: MemberRef) -> str | None:
        shown = self.homes.shown(person.id)
        if shown is None:
            return None
        return "\n".join(
            _Page(MarkdownRenderer().html(each.text, href)).text + " ".join(button.label for button in each.buttons)
            for each in shown[1]
        )

    async def press_home(self, person: MemberRef, label: str) -> None:
        shown = self.homes.shown(person.id)
        assert shown is not None
        for row, section in enumerate(shown[1]):
            labels = [each.label for each in section.buttons]
            if label in labels:
                self.homes.press(person.id, row, labels.index(label))

    async def react(self, person: MemberRef, message: MessageRef, emoji: str) -> None:
        self.server.react(person.id, message.id, emoji)

    async def change(self, person: MemberRef, message: MessageRef, text: str | None) -> None:
        if text is None:
            self.server.delete(person.id, message.id)
        else:
            self.server.edit(person.id, message.id, text)

    async def seen(self, message: MessageRef, by: MemberRef) -> Seen | None:
        post = self.server.archive.post(message.id)
        if post is None or post.deleted or post.visible_to not in (None, by.id):
            return None
        if not self.server.may_see(self.server.person(by.id), self.server.room(post.channel)):
            return None
        return self._as_seen(post)

    async def posts(self, by: MemberRef) -> Sequence[Seen]:
        return [self._as_seen(post) for post in self.server.archive.posts(self.channel.id, by.id)]

    async def trouble(self, error: type[PlatformError]) -> Delivery:
        self.server.faults.fail_next(FAULTS[error])
        return Delivery(
            key=f"trouble/{error.__name__}",
            workspace=self.platform.workspace,
            feature="test",
            kind=Kind.ANSWER,
            to=self.channel,
            message=Message("words"),
            due=NOW,
        )

    def _as_seen(self, post: Post) -> Seen:
        page = _Page(MarkdownRenderer().html(post.text, href)) if post.author == BOT else None
        reactions = self.server.archive.reactions([post]).get(post.id, {})
        return Seen(
            text=page.text if page else post.text,
            by_bot=post.author == BOT,
            thread=post.thread,
            edited=post.edited,
            buttons=tuple(button.label for button in post.buttons),
            mentions=frozenset(page.mentions if page else ()),
            strong=tuple(page.strong if page else ()),
            reactions={emoji: len(people) for emoji, people in reactions.items()},
        )


class TestPlayground(PlatformSuite):
    troubles = (RateLimited, Unreachable, Unsure, Refused)

    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        server = PlaygroundServer(None, VirtualClock(NOW))
        heard = Heard()
        world = PlaygroundWorld(server, heard)
        listening = asyncio.create_task(world.platform.run(heard))
        yield world
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        server.close()

    async def test_a_rate_limit_says_how_long(self, world: PlaygroundWorld) -> None:
        world.server.faults.retry_after = 7.5
        with pytest.raises(RateLimited) as caught:
            await world.platform.do(await world.trouble(RateLimited))
        assert caught.value.retry_after == 7.5

    async def test_a_lost_answer_is_found_by_its_key_and_not_posted_again(self, world: PlaygroundWorld) -> None:
        ada = await world.newcomer("Ada")
        world.server.faults.fail_next(Fault.UNSURE_DONE, Fault.UNSURE_LOST)
        arrived, lost = self.delivery(world, "arrived", "a"), self.delivery(world, "lost", "b")
        for delivery in (arrived, lost):
            with pytest.raises(Unsure):
                await world.platform.do(delivery)
        receipt = await world.platform.find(arrived)
        assert receipt is not None
        assert await world.platform.find(lost) is None
        assert await world.platform.do(arrived) == receipt
        await world.platform.do(lost)
        assert [each.text.strip() for each in await world.posts(ada)] == ["arrived", "lost"]

    async def test_events_can_be_delivered_twice(self, world: PlaygroundWorld) -> None:
        world.server.faults.repeat_events = True
        await world.newcomer("Ada")
        await world.server.idle()
        joined = Counter(event.id for event in world.heard.events if isinstance(event, MemberJoined))
        assert list(joined.values()) == [2, 2]
