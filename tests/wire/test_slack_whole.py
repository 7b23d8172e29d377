"""The practices as dialogues on Slack: the whole bot, its store and files, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Allant, assemble, running
from bot.core.clock import VirtualClock
from bot.core.events import CommandGiven, Event, MemberJoined, MessagePosted
from bot.core.platform import OnEvent
from bot.core.signals import What
from bot.library import ContentLibrary
from bot.markdown import MarkdownRenderer
from bot.platforms.slack import SlackApp, SlackPlatform
from bot.platforms.slack.reception import SHORTCUT_FAQ
from bot.settings import Settings, starter_folder
from tests.contract.platform_world import Heard
from tests.wire.slack_org import APP_TOKEN, BOT_TOKEN, BOT_USER, Json
from tests.wire.slack_people import People, elements_of, labels_of, text_of
from tests.wire.slack_server import SlackServer

POLICY = """
policy: {zone: UTC, quiet_from: "00:00", quiet_to: "00:00", channel_day: 50, channel_week: 50, member_day: 50,
  member_week: 50, working_days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]}
"""
WELCOME = "welcome: {channels: [general], window_minutes: 10}"
POST = """
items:
  - id: rehearsal
    on: "%s"
    to: ["#general"]
    zone: UTC
    words: {en: "Time for **tea**", fr: "C’est l’heure du **thé**"}
"""


class Community:
    """The bot in #general with a host, who administers, and whoever comes."""

    def __init__(self, server: SlackServer, allant: Allant, heard: Heard, host: str, room: str) -> None:
        self.server = server
        self.people = People(server)
        self.allant = allant
        self.heard = heard
        self.host = host
        self.room = room

    @property
    def clock(self) -> VirtualClock:
        assert isinstance(self.allant.clock, VirtualClock)
        return self.allant.clock

    async def settle(self) -> None:
        """All that was sent is taken in, and the bot does all that follows."""
        async with asyncio.timeout(20):
            while self.server._tasks:
                await asyncio.gather(*self.server._tasks, return_exceptions=True)
        await self.allant.settle()

    async def wait(self, time: timedelta) -> None:
        self.clock.move_to(self.clock.now() + time)
        await self.allant.settle()

    async def newcomer(self, name: str, locale: str) -> str:
        user = self.people.join_team(name, locale=locale)
        self.people.join_channel(user, self.room)
        await self.heard.first(MemberJoined, lambda each: each.member.ref.id == user and each.channel is not None)
        await self.settle()
        return user

    async def ask(self, user: str, text: str) -> Json:
        """What the bot says in the thread of a question in the channel."""
        said = self.people.say(user, self.room, f"<@{BOT_USER}> {text}")
        await self.heard.first(MessagePosted, lambda each: each.message.id == said)
        await self.settle()
        (answer,) = [each for each in self.people.said(user, self.room) if each.get("thread_ts") == said]
        return answer

    async def command(self, user: str, text: str, *, place: str = "") -> Json:
        """The bot's last answer to a slash command."""
        where = place or self.room
        assert await self.people.slash(user, where, text) == {}
        await self.settle()
        return self.people.said(user, where)[-1]


@pytest.fixture(scope="module")
def library() -> ContentLibrary:
    """Read once: that takes longer than a dialogue."""
    return ContentLibrary(starter_folder("content"), spare=starter_folder("content"))


@pytest.fixture
async def community(tmp_path: Path, library: ContentLibrary) -> AsyncIterator[Community]:
    clock = VirtualClock(datetime.now(UTC))
    schedules = tmp_path / "schedules"
    schedules.mkdir()
    (schedules / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (schedules / "welcome.yaml").write_text(WELCOME, encoding="utf-8")
    due = clock.now() + timedelta(hours=2)
    (schedules / "items.yaml").write_text(POST % f"{due:%Y-%m-%d %H:%M}", encoding="utf-8")
    server = SlackServer()
    await server.start()
    room = server.org.new_channel("general")["id"]
    host = server.org.new_user("Hostess")["id"]
    server.org.members[room].add(host)
    heard = Heard()

    class HeardPlatform(SlackPlatform):
        """Tells the test what the bot has taken in."""

        async def run(self, on_event: OnEvent) -> None:
            async def both(event: Event) -> None:
                await on_event(event)
                await heard(event)

            await super().run(both)

    app = SlackApp(app_token=APP_TOKEN, api_url=server.url, renderer=MarkdownRenderer(), language="en")
    platform = HeardPlatform(app, await app.ask_who(BOT_TOKEN))
    app.workspaces[platform.installation.team] = platform
    settings = Settings(
        database_url="sqlite://",
        secret_file=tmp_path / "allant.key",
        content_dir=starter_folder("content"),
        schedules_dir=schedules,
        admins=(f"{platform.workspace}/{host}",),
        language="en",
    )
    allant = await assemble(settings, [platform], clock=clock, library=library)
    try:
        async with running(allant, live=False):
            await server.connected()
            await allant.settle()
            yield Community(server, allant, heard, host, room)
    finally:
        await server.stop()


async def test_newcomers_are_welcomed_each_in_their_language_and_greeted_together(community: Community) -> None:
    zoe = await community.newcomer("Zoé", "fr-FR")
    ada = await community.newcomer("Ada", "en-GB")
    (to_zoe,), (to_ada,) = community.people.said(zoe), community.people.said(ada)
    assert "Zoé" in text_of(to_zoe)
    assert "Bienvenue" in text_of(to_zoe) or "bienvenue" in text_of(to_zoe)
    assert "elcome" in text_of(to_ada)
    assert community.people.said(community.host, community.room) == []
    await community.wait(timedelta(minutes=11))
    (greeting,) = community.people.said(community.host, community.room)
    assert {each["user_id"] for each in elements_of(greeting, "user")} == {zoe, ada}


async def test_a_question_is_answered_in_its_thread_and_found_helpful(community: Community) -> None:
    answer = await community.ask(community.host, "how do I mute a channel?")
    assert "mute" in text_of(answer).lower()
    helpful = labels_of(answer)[0]
    await community.people.press(community.host, community.room, answer["ts"], helpful)
    await community.heard.first(CommandGiven, lambda each: each.button)
    await community.settle()
    workspace = next(iter(community.allant.platforms))
    for what in (What.ASKED, What.ANSWERED, What.HELPED):
        counts = await community.allant.store.measures.counts(workspace, what, datetime(2020, 1, 1, tzinfo=UTC))
        assert sum(counts.values()) == 1


async def test_a_french_question_gets_a_french_answer(community: Community) -> None:
    zoe = await community.newcomer("Zoé", "fr-FR")
    answer = await community.ask(zoe, "comment mettre un canal en sourdine ?")
    assert "sourdine" in text_of(answer).lower()


async def test_a_planned_post_arrives_at_its_time_and_once(community: Community) -> None:
    await community.wait(timedelta(hours=1, minutes=50))
    assert community.people.said(community.host, community.room) == []
    await community.wait(timedelta(minutes=11))
    (post,) = community.people.said(community.host, community.room)
    strong = [each["text"] for each in elements_of(post, "text") if each.get("style", {}).get("bold")]
    assert {"tea", "thé"} <= set(strong)
    await community.wait(timedelta(minutes=11))
    assert len(community.people.said(community.host, community.room)) == 1


async def test_a_commands_private_answer_is_nobody_elses(community: Community) -> None:
    zoe = await community.newcomer("Zoé", "fr-FR")
    before = len(community.people.said(zoe, community.room))
    answer = await community.command(community.host, "calendar next")
    assert answer["visible_to"] == community.host
    assert "rehearsal" in text_of(answer) or "tea" in text_of(answer)
    assert len(community.people.said(zoe, community.room)) == before


async def test_privacy_in_a_direct_message_in_both_languages(community: Community) -> None:
    zoe = await community.newcomer("Zoé", "fr-FR")
    ada = await community.newcomer("Ada", "en-GB")
    french = await community.command(zoe, "moi données", place=community.server.org.direct(zoe))
    english = await community.command(ada, "me data", place=community.server.org.direct(ada))
    assert "visible_to" not in french
    assert text_of(french) != text_of(english)
    muted = await community.command(ada, "me mute", place=community.server.org.direct(ada))
    assert muted["ts"] > english["ts"]


async def test_a_form_is_opened_filled_in_wrongly_mended_and_sent(community: Community) -> None:
    assert await community.people.slash(community.host, community.room, "calendar add") == {}
    await community.settle()
    view = community.people.view_of(community.host)
    assert view is not None, "the form opens as a modal while the trigger lives"
    submitting = asyncio.create_task(community.people.submit(community.host, view["id"], _nonsense(view)))
    await community.heard.first(CommandGiven, lambda each: bool(each.fields))
    await community.settle()
    said = await submitting
    assert said is not None
    assert said["response_action"] in ("errors", "update"), "it says what is wrong, and stays open"


async def test_somebodys_message_becomes_an_answer_of_the_faq(community: Community) -> None:
    said = community.people.say(community.host, community.room, "The *printer* is on the third floor &amp; works.")
    await community.settle()
    assert await community.people.message_shortcut(community.host, community.room, said, SHORTCUT_FAQ) == {}
    await community.settle()
    view = community.people.view_of(community.host)
    assert view is not None
    held = [each["element"].get("initial_value", "") for each in view["blocks"] if each["type"] == "input"]
    assert any("third floor & works" in each for each in held)


async def test_a_home_shows_what_comes_in_the_language_of_its_owner(community: Community) -> None:
    zoe = await community.newcomer("Zoé", "fr-FR")
    for user in (community.host, zoe):
        community.people.open_home(user)
    await community.settle()
    hers, french = (text_of(community.server.org.homes[user]) for user in (community.host, zoe))
    assert hers != french
    assert "Coming up" in hers
    assert "Coming up" not in french


def _nonsense(view: Json) -> dict[str, object]:
    """Words in every line, and whatever is offered first elsewhere."""
    found: dict[str, object] = {}
    for block in view["blocks"]:
        element = block.get("element", {})
        match element.get("type"):
            case "plain_text_input":
                found[block["block_id"]] = "nonsense"
            case "static_select":
                found[block["block_id"]] = element["options"][0]["value"]
            case "checkboxes" | "multi_static_select":
                found[block["block_id"]] = [element["options"][0]["value"]]
            case "datepicker":
                found[block["block_id"]] = "2020-01-01"
            case "timepicker":
                found[block["block_id"]] = "10:00"
    return found
