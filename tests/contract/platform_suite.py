"""What every platform adapter promises, checked against the platform it talks to.

A test file per platform subclasses :class:`PlatformSuite`, names it ``Test…`` and overrides the ``world`` fixture with
a :class:`World`: the adapter, already listening, and a way to be a person there.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Verb
from bot.core.errors import PlatformError, Refused, Unreachable
from bot.core.events import (
    CommandGiven,
    HomeOpened,
    MemberJoined,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
)
from bot.core.message import Button, Field, Form, Image, Message, Section, TextFile, escape, in_words, mention
from bot.core.refs import MessageRef, Place
from tests.contract.platform_world import LATER, World

_EVERY_KIND = Form(
    "Plan a post",
    "calendar write",
    (
        Field("day", "Which day", "date", "2026-11-30"),
        Field("at", "At what time", "time", "15:00", help="in your own time"),
        Field("days", "On which days", "choices", "fri", (("mon", "Monday"), ("wed", "Wednesday"), ("fri", "Friday"))),
        Field("to", "Where", "channels", "", (("tag:social", "all social channels"),)),
        Field("note", "What", "text", "words"),
        Field("then", "Then", "choice", "approve", (("approve", "approve it"), ("draft", "keep it"))),
        Field("who", "Whose", "person"),
        Field("maybe", "Anything else", "moment", required=False),
    ),
    "Save",
    text="Read this first",
    preview="This is **how it will look**",
    buttons=(Button("Preview", "calendar try"),),
)
_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
_PICTURE = Image.of_png(b64decode(_DOT), "More people wrote this week", "people.png")
_FILE = TextFile("kept.json", "application/json", '{"kept": "é"}')
_ASKING = Form("When", "plan it", (Field("day", "Which day"),), "Ok")
_ASKING_AGAIN = Form("When", "plan it", (Field("day", "Which day", value="someday", error="no such day"),), "Ok")
_HOME = (
    Section("## Coming up\n\n- **Friday tea**", (Button("More", "home coming 2"),)),
    Section("## You\n\nYou hear from me.", (Button("Mute", "mute"), Button("Language", "language"))),
)
_HOME_LATER = (Section("## Coming up\n\nNothing."),)


class PlatformSuite:
    """Subclass it, and override the fixture."""

    troubles: ClassVar[tuple[type[PlatformError], ...]] = (Refused, Unreachable)
    """What World.trouble can arrange here."""

    @pytest.fixture
    def world(self) -> Any:
        """A World; an override may be async, and yields it to clean up afterwards."""
        raise NotImplementedError

    def delivery(
        self, world: World, words: str | Message, key: str = "test/1", to: Place | None = None, **more: object
    ) -> Delivery:
        """A delivery to the channel, or ``to``."""
        return Delivery(
            key=key,
            workspace=world.platform.workspace,
            feature="test",
            kind=Kind.ANSWER,
            to=to or world.channel,
            message=words if isinstance(words, Message) else Message(words),
            due=LATER,
            **more,  # type: ignore[arg-type]  # Each test names fields of Delivery.
        )

    async def send(self, world: World, words: str | Message, key: str = "test/1", **more: object) -> MessageRef:
        """What the bot said, once the platform took it."""
        receipt = await world.platform.do(self.delivery(world, words, key, **more))  # type: ignore[arg-type]
        assert receipt.message is not None
        return receipt.message

    # What people do arrives

    async def test_somebody_joins(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        event = await world.heard.first(MemberJoined, lambda each: each.member.ref == ada)
        assert event.workspace == world.platform.workspace
        assert event.at.utcoffset() == timedelta(0)
        assert event.member.name == "Ada"

    async def test_somebody_joins_the_channel(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        await world.heard.first(MemberJoined, lambda each: each.member.ref == ada and each.channel == world.channel)

    async def test_the_directory_names_people_and_channels(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        found = [each async for each in world.platform.directory()]
        members = {each.ref: each for each in found if isinstance(each, Member)}
        assert members[ada].name == "Ada"
        assert not members[ada].bot
        assert world.channel in {each.ref for each in found if isinstance(each, Channel)}

    async def test_a_message_in_the_channel(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await world.say(ada, "hello everybody")
        event = await world.heard.first(MessagePosted, lambda each: each.message == message)
        assert event.member == ada
        assert event.text == "hello everybody"
        assert event.channel == world.channel
        assert event.thread is None
        assert (event.direct, event.mentions_bot, event.by_bot) == (False, False, False)

    async def test_a_reply_in_a_thread(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        root = await world.say(ada, "a question")
        reply = await world.say(ada, "an answer", thread=root)
        event = await world.heard.first(MessagePosted, lambda each: each.message == reply)
        assert event.thread == root

    async def test_a_message_that_names_the_bot(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await world.say(ada, "where do I start?", to_bot=True)
        event = await world.heard.first(MessagePosted, lambda each: each.message == message)
        assert event.mentions_bot
        assert event.text == "where do I start?"

    async def test_a_message_to_the_bot_alone(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await world.say(ada, "psst", direct=True)
        event = await world.heard.first(MessagePosted, lambda each: each.message == message)
        assert event.direct
        assert event.channel != world.channel

    async def test_a_command(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        await world.command(ada, "calendar next 5")
        event = await world.heard.first(CommandGiven)
        assert (event.member, event.channel, event.text) == (ada, world.channel, "calendar next 5")
        assert not event.button
        assert not any(isinstance(each, MessagePosted) for each in world.heard.events)

    async def test_a_reaction(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        of_person = await world.say(ada, "look")
        of_bot = await self.send(world, "look at this")
        await world.react(ada, of_person, "👍")
        await world.react(ada, of_bot, "🎉")
        first = await world.heard.first(ReactionAdded, lambda each: each.message == of_person)
        second = await world.heard.first(ReactionAdded, lambda each: each.message == of_bot)
        assert (first.member, first.emoji, first.on_bot) == (ada, "👍", False)
        assert (second.member, second.emoji, second.on_bot) == (ada, "🎉", True)

    async def test_a_message_is_edited_and_deleted(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await world.say(ada, "teh")
        await world.change(ada, message, "the")
        await world.heard.first(MessageEdited, lambda each: each.message == message and each.member == ada)
        if world.platform.can.tells_deletions:
            await world.change(ada, message, None)
            await world.heard.first(MessageDeleted, lambda each: each.message == message)

    async def test_the_bots_own_words_are_not_taken_for_somebodys(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        own = await self.send(world, "my own words")
        marker = await world.say(ada, "after them")
        await world.heard.first(MessagePosted, lambda each: each.message == marker)
        posted = [each for each in world.heard.events if isinstance(each, MessagePosted) and each.message == own]
        assert all(each.by_bot for each in posted)

    async def test_every_event_has_its_own_id(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        for number in range(5):
            await world.say(ada, f"message {number}")
        await world.heard.first(MessagePosted, lambda each: each.text == "message 4")
        ids = [each.id for each in world.heard.events]
        assert len(set(ids)) == len(ids)

    async def test_messages_of_a_channel_come_in_their_order(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        said = [await world.say(ada, f"message {number}") for number in range(6)]
        await world.heard.first(MessagePosted, lambda each: each.message == said[-1])
        assert [each.message for each in world.heard.events if isinstance(each, MessagePosted)] == said

    async def test_an_event_that_could_not_be_kept_comes_again_with_the_same_id(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        await world.heard.first(MemberJoined, lambda each: each.member.ref == ada and each.channel == world.channel)
        world.heard.refuse_next()
        message = await world.say(ada, "please keep this")
        event = await world.heard.first(MessagePosted, lambda each: each.message == message)
        assert [each.id for each in world.heard.refused if isinstance(each, MessagePosted)] == [event.id]

    # What the bot says is seen

    async def test_a_post_in_the_channel(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, "Good **morning**")
        seen = await world.seen(message, ada)
        assert seen is not None
        assert seen.by_bot
        assert seen.text.strip() == "Good morning"
        assert seen.strong == ("morning",)

    async def test_an_answer_in_a_thread(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        root = await world.say(ada, "a question")
        answer = await self.send(world, "an answer", thread=root)
        seen = await world.seen(answer, ada)
        assert seen is not None
        if world.platform.can.threads:
            assert seen.thread == root.id

    async def test_a_direct_message(self, world: World) -> None:
        ada, eve = await world.newcomer("Ada"), await world.newcomer("Eve")
        message = await self.send(world, "for you", to=ada)
        assert message.channel != world.channel
        seen = await world.seen(message, ada)
        assert seen is not None
        assert seen.text.strip() == "for you"
        assert await world.seen(message, eve) is None

    async def test_a_private_answer_is_for_one_person(self, world: World) -> None:
        ada, eve = await world.newcomer("Ada"), await world.newcomer("Eve")
        message = await self.send(world, "only you", visible_to=ada)
        assert await world.seen(message, ada) is not None
        assert await world.seen(message, eve) is None
        assert not any("only you" in each.text for each in await world.posts(eve))

    async def test_a_post_is_edited(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, Message("first", (Button("Yes", "yes"),)))
        edit = self.delivery(world, "second", "test/2", verb=Verb.EDIT, target=message)
        await world.platform.do(edit)
        seen = await world.seen(message, ada)
        assert seen is not None
        assert seen.text.strip() == "second"
        assert seen.buttons == ()

    async def test_a_post_is_withdrawn(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, "a mistake")
        await world.platform.do(self.delivery(world, "-", "test/2", verb=Verb.WITHDRAW, target=message))
        assert await world.seen(message, ada) is None

    async def test_the_bot_reacts(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await world.say(ada, "I did it")
        await world.platform.do(self.delivery(world, "-", "test/2", verb=Verb.REACT, target=message, emoji="🎉"))
        seen = await world.seen(message, ada)
        assert seen is not None
        assert dict(seen.reactions) == {"🎉": 1}

    async def test_a_button_is_shown_and_pressed(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, Message("Did it help?", (Button("Yes", "faq helped"), Button("No", "faq no"))))
        seen = await world.seen(message, ada)
        assert seen is not None
        if world.platform.can.buttons:
            assert seen.buttons == ("Yes", "No")
        else:
            assert "Yes" in seen.text
            assert "No" in seen.text
        await world.press(ada, message, "No")
        event = await world.heard.first(CommandGiven)
        assert (event.member, event.text, event.button) == (ada, "faq no", True)
        assert event.message == message
        assert event.channel == message.channel

    async def test_a_form_is_filled_in_or_shown_as_a_command(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        form = Form(
            "A new post", "calendar add", (Field("title", "Title"), Field("note", "Note", required=False)), "Ok"
        )
        message = await self.send(world, Message("Tell me", form=form))
        if world.platform.can.forms:
            await world.submit(ada, message, {"title": "Hello"})
            event = await world.heard.first(CommandGiven)
            assert (event.member, event.text) == (ada, "calendar add")
            assert event.fields == {"title": "Hello", "note": ""}
        else:
            seen = await world.seen(message, ada)
            assert seen is not None
            assert all(word in seen.text for word in ("calendar add", "title:", "note:"))

    async def test_every_kind_of_field_is_filled_in(self, world: World) -> None:
        """Or offered as a line to type, which says in words what it is for."""
        ada = await world.newcomer("Ada")
        message = await self.send(world, Message("Plan it", form=_EVERY_KIND))
        if not world.platform.can.forms:
            seen = await world.seen(message, ada)
            assert seen is not None
            for each in _EVERY_KIND.fields:
                assert each.label in seen.text
                assert f"{each.name}: {each.value}".strip() in seen.text
            assert "how it will look" in seen.text
            return
        values = {
            "day": "2026-12-01",
            "at": "15:30",
            "days": "mon, wed",
            "to": "tag:social",
            "note": "one\ntwo",
            "then": "draft",
            "who": f"@{ada.id}",
        }
        await world.submit(ada, message, values)
        event = await world.heard.first(CommandGiven)
        assert (event.member, event.text) == (ada, "calendar write")
        assert {name: event.fields[name] for name in values} == values
        assert event.fields["maybe"] == ""

    async def test_a_form_shows_its_help_and_what_it_will_look_like(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, Message("Plan it", form=_EVERY_KIND))
        if not world.platform.can.forms:
            return  # It shows the command to type: see above.
        form = await world.form(ada, message)
        assert form is not None
        for words in ("Plan a post", "Read this first", "in your own time", "how it will look"):
            assert words in form.text
        assert form.values["day"] == "2026-11-30"
        assert form.values["days"] == "fri"

    async def test_a_button_in_a_form_gives_its_command_with_what_is_filled_in(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        if not world.platform.can.forms:
            return  # What is typed there is sent as it is.
        message = await self.send(world, Message("Plan it", form=_EVERY_KIND))
        await world.submit(ada, message, {"note": "half a word"}, button="Preview")
        event = await world.heard.first(CommandGiven)
        assert event.text == "calendar try"
        assert event.fields["note"] == "half a word"
        assert set(event.fields) == {each.name for each in _EVERY_KIND.fields}

    async def test_a_form_stays_open_while_the_answer_is_a_form(self, world: World) -> None:
        """And closes with the first answer that is none, which is shown as answers are."""
        ada = await world.newcomer("Ada")
        message = await self.send(world, Message("Tell me", form=_ASKING), visible_to=ada)
        if not world.platform.can.forms:
            again = Message("That is no day", form=_ASKING_AGAIN)
            seen = await world.seen(await self.send(world, again, "test/2", visible_to=ada), ada)
            assert seen is not None
            assert "That is no day" in seen.text
            assert "day: someday" in seen.text
            return
        await world.submit(ada, message, {"day": "someday"})
        first = await world.heard.first(CommandGiven)
        again = Message("That is no day", form=_ASKING_AGAIN)
        await world.platform.do(self.delivery(world, again, "test/2", visible_to=ada, answers=first.id))
        form = await world.form(ada, message)
        assert form is not None
        assert form.values["day"] == "someday"
        assert form.errors == {"day": "no such day"}
        await world.submit(ada, message, {"day": "monday"})
        second = await world.heard.first(CommandGiven, lambda each: each.id != first.id)
        assert second.fields == {"day": "monday"}
        await world.platform.do(self.delivery(world, "Noted", "test/3", visible_to=ada, answers=second.id))
        assert await world.form(ada, message) is None

    # Homes

    async def test_a_home_is_looked_at_and_shown(self, world: World) -> None:
        ada, eve = await world.newcomer("Ada"), await world.newcomer("Eve")
        first, second = (
            self.delivery(world, Message("", sections=sections), f"test/{number}", to=ada, verb=Verb.HOME)
            for number, sections in enumerate((_HOME, _HOME_LATER))
        )
        if not world.platform.can.home:
            with pytest.raises(Refused):
                await world.platform.do(first)
            return
        await world.open_home(ada)
        event = await world.heard.first(HomeOpened)
        assert event.member == ada
        before = await world.posts(ada)
        await world.platform.do(first)
        await world.platform.do(first)
        shown = await world.home(ada)
        assert shown is not None
        assert all(words in shown for words in ("Coming up", "Friday tea", "More", "You", "Mute"))
        await world.platform.do(second)
        shown = await world.home(ada)
        assert shown is not None
        assert "Nothing" in shown
        assert "Friday tea" not in shown
        assert await world.home(eve) is None
        assert await world.posts(ada) == before

    async def test_a_button_in_a_home_is_pressed(self, world: World) -> None:
        if not world.platform.can.home:
            return  # The button of a message does the same there.
        ada = await world.newcomer("Ada")
        home = Message("", sections=_HOME)
        await world.open_home(ada)
        await world.platform.do(self.delivery(world, home, to=ada, verb=Verb.HOME))
        await world.press_home(ada, "Mute")
        event = await world.heard.first(CommandGiven)
        assert (event.member, event.text, event.button, event.home) == (ada, "mute", True, True)
        assert event.direct
        answer = await self.send(world, "Muted", "test/2", thread=None, answers=event.id, to=event.channel)
        assert answer.channel == event.channel
        seen = await world.seen(answer, ada)
        assert seen is not None

    async def test_a_real_mention(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, f"Welcome {mention(Member(ada, 'Ada'))}!")
        seen = await world.seen(message, ada)
        assert seen is not None
        assert seen.mentions == {ada.id}
        assert "Ada" in seen.text

    @pytest.mark.parametrize(
        "words",
        [
            "<b>bold</b> & <script>alert(1)</script>",
            "**bold** _it_ `code` ~~gone~~",
            "@here @channel @room <!channel> <@U123>",
            "[click](https://example.org) [Ada](mention:ada)",
            "# title - item 1. one > quote",
            "!allant /allant :smile: https://example.org",
        ],
    )
    async def test_escaped_words_are_shown_as_they_are(self, world: World, words: str) -> None:
        ada = await world.newcomer("Ada")
        message = await self.send(world, f"She wrote: {escape(words)}")
        seen = await world.seen(message, ada)
        assert seen is not None
        assert seen.text.strip() == f"She wrote: {words}"
        assert seen.mentions == frozenset()
        assert seen.strong == ()

    async def test_a_long_message_arrives_to_its_end(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        await self.send(world, "beginning\n\n" + "words and words\n\n" * 1200 + "ending")
        shown = "".join(each.text for each in await world.posts(ada))
        assert "beginning" in shown
        assert "ending" in shown

    # Pictures and files

    async def test_a_picture_and_a_file_arrive_once_or_are_said_in_words(self, world: World) -> None:
        ada, can = await world.newcomer("Ada"), world.platform.can
        words = in_words(Message("Look", images=(_PICTURE,), files=(_FILE,)), images=can.images, files=can.files)
        message = await self.send(world, words, "test/picture")
        if can.safe_to_repeat:
            assert await self.send(world, words, "test/picture") == message
        seen = await world.seen(message, ada)
        assert seen is not None
        assert (_PICTURE.alt in seen.text) is not can.images
        assert ("kept" in seen.text) is not can.files
        expected = [(_PICTURE.alt, _PICTURE.data)] if can.images else []
        expected += [(_FILE.name, _FILE.text.encode())] if can.files else []
        assert list(await world.attached(message, ada)) == expected

    # Nothing twice

    async def test_the_same_key_is_posted_once(self, world: World) -> None:
        ada = await world.newcomer("Ada")
        if not world.platform.can.safe_to_repeat:
            return  # It makes no such promise: a half-sent delivery is looked up, or shown as uncertain.
        first = await self.send(world, "once", "test/once")
        again = await self.send(world, "once", "test/once")
        other = await self.send(world, "once more", "test/more")
        assert first == again != other
        assert [each.text.strip() for each in await world.posts(ada) if each.by_bot] == ["once", "once more"]

    async def test_a_key_is_looked_up(self, world: World) -> None:
        if not world.platform.can.can_look_up:
            return  # It makes no such promise.
        sent = self.delivery(world, "words", "test/sent")
        receipt = await world.platform.do(sent)
        assert await world.platform.find(sent) == receipt
        assert await world.platform.find(self.delivery(world, "words", "test/never")) is None

    async def test_what_goes_wrong_is_one_of_our_errors(self, world: World) -> None:
        for error in self.troubles:
            with pytest.raises(error):
                await world.platform.do(await world.trouble(error))

    async def test_a_message_that_is_not_there_is_refused(self, world: World) -> None:
        gone = MessageRef(world.channel, "no-such-message")
        with pytest.raises(Refused):
            await world.platform.do(self.delivery(world, "words", verb=Verb.EDIT, target=gone))
