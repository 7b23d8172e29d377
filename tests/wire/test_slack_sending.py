"""What the bot says on Slack: as blocks, within Slack's limits, to whom it is meant for, and never more than meant."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.community import Channel, Member
from bot.core.delivery import Delivery, Kind, Verb
from bot.core.errors import RateLimited
from bot.core.message import Button, Field, Form, Message, channel_link, escape, fill, link, mention
from bot.core.refs import ChannelRef, MemberRef, MessageRef, WorkspaceRef
from bot.markdown import MarkdownRenderer
from bot.platforms.slack.blocks import MAX_BLOCK, MAX_BLOCKS, Scribe, buttons, honest
from bot.platforms.slack.modals import Origin, pack, unpack, values_of, view
from bot.platforms.slack.outbound import METADATA
from bot.platforms.slack.tickets import Ticket
from bot.platforms.slack.wire import Turns
from tests.contract.platform_world import LATER
from tests.wire.slack_checks import wrong_in_blocks, wrong_in_view
from tests.wire.slack_org import Json
from tests.wire.slack_people import elements_of, text_of
from tests.wire.slack_world import SlackWorld

SCRIBE = Scribe(MarkdownRenderer())
QUICK = settings(deadline=None, max_examples=50)
"""No deadline: how long an example takes is the machine's affair."""
TEAM = WorkspaceRef("slack", "T0FAKE001")
HOSTILE = st.text() | st.sampled_from(
    [
        "<!channel> <!here> <!everyone> <!subteam^S012|x>",
        "<@U0123456> <#C0123456|general>",
        "<https://evil.example|https://bank.example>",
        "[bank](https://evil.example) [Ada](mention:U0123456) [x](channel:C1)",
        "@channel @here & &lt;!here&gt; &amp;",
        "*bold* _it_ ~gone~ `code` ```pre``` :smile:",
        "mention:U0123456 ![x](https://evil.example/x.png)",
        "</rich_text> \u202e\u200b<!channel\u200b>",
    ]
)


def rendered(markdown: str) -> Json:
    """All blocks of a text as one message."""
    parts = SCRIBE.parts(markdown)
    return {"text": "\n".join(each.text for each in parts), "blocks": [b for each in parts for b in each.blocks]}


@QUICK
@given(HOSTILE)
def test_no_words_of_anybody_mention_link_or_format(words: str) -> None:
    message = rendered(fill("She wrote: {words}", {"words": words}))
    for kind in ("user", "channel", "broadcast", "usergroup", "link", "emoji"):
        assert elements_of(message, kind) == []
    assert all("style" not in each for each in elements_of(message, "text"))
    # Beside the blocks stands markup, in which nothing of theirs may begin anything.
    assert "<" not in message["text"]
    assert ">" not in message["text"]


@QUICK
@given(HOSTILE)
def test_escaped_words_are_read_as_they_were_written(words: str) -> None:
    shown = text_of(rendered(fill("{words}", {"words": words})))
    plain = escape(words)
    assert " ".join(shown.split()) == " ".join(MarkdownRenderer().plain(plain, lambda _: None).split())


@QUICK
@given(st.text(max_size=200), st.integers(0, 2))
def test_whatever_is_written_slack_takes_it(markdown: str, times: int) -> None:
    for part in SCRIBE.parts(markdown * 10**times):
        assert len(part.blocks) <= MAX_BLOCKS
        assert wrong_in_blocks(part.blocks) == []
        assert len(part.text) <= 40_000


def test_a_text_is_cut_at_slacks_limits_and_nothing_of_it_is_lost() -> None:
    words = [f"word{number}" for number in range(4000)]
    parts = SCRIBE.parts(" ".join(words))
    assert len(parts) > 1
    assert " ".join(text_of({"blocks": part.blocks, "text": ""}) for part in parts).split() == words
    assert all(len(json.dumps(block)) < MAX_BLOCK * 2 for part in parts for block in part.blocks)


def test_headings_lists_quotes_code_pictures_and_small_print() -> None:
    text = (
        "# Welcome\n\nHello **all**\n\n- one\n- two\n  1. inner\n\n3. three\n4. four\n\n> said\n\n```\ncode\n```\n\n"
        "![A cat](https://example.org/cat.png)\n\n---\n\n*Sent by Allant*"
    )
    (part,) = SCRIBE.parts(text)
    kinds = [each["type"] for each in part.blocks]
    assert kinds == ["header", "rich_text", "image", "divider", "context"]
    lists = elements_of({"blocks": part.blocks}, "rich_text_list")
    assert [(each["style"], each.get("indent"), each.get("offset", 0)) for each in lists] == [
        ("bullet", 0, 0),
        ("ordered", 1, 0),
        ("ordered", 0, 2),
    ]
    assert wrong_in_blocks(part.blocks) == []
    assert "Welcome" in part.text
    assert "A cat" in part.text


def test_only_our_own_links_name_people_and_channels() -> None:
    ada = Member(MemberRef(TEAM, "U00000001"), "Ada <!here>")
    general = Channel(ChannelRef(TEAM, "C00000001"), "general")
    message = rendered(
        f"Hello {mention(ada)}, see {channel_link(general)} and {link('our page', 'https://example.org/a?b=c&d')}"
    )
    assert [each["user_id"] for each in elements_of(message, "user")] == ["U00000001"]
    assert [each["channel_id"] for each in elements_of(message, "channel")] == ["C00000001"]
    assert elements_of(message, "link") == [{"type": "link", "url": "https://example.org/a?b=c&d", "text": "our page"}]
    assert "<@U00000001>" in message["text"]
    assert "<!here>" not in message["text"]


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("our page", "our page"),
        ("example.org", "example.org"),
        ("https://www.example.org/x", "https://www.example.org/x"),
        ("bank.example", "bank.example (example.org)"),
        ("https://bank.example/login", "https://bank.example/login (example.org)"),
    ],
)
def test_a_link_that_looks_like_another_says_where_it_leads(label: str, shown: str) -> None:
    assert honest(label, "https://example.org/a") == shown


@QUICK
@given(st.text(), st.text())
def test_no_link_leads_anywhere_but_the_web(label: str, address: str) -> None:
    for element in elements_of(rendered(link(label, address)), "link"):
        assert element["url"].startswith(("http://", "https://", "mailto:"))


def test_many_buttons_become_a_choice() -> None:
    few = buttons([Button("Yes", "faq helped", "primary"), Button("No" * 60, "faq no")], "en")
    assert [each["type"] for each in few[0]["elements"]] == ["button", "button"]
    assert few[0]["elements"][0]["style"] == "primary"
    many = buttons([Button(f"Topic {number}", f"faq {number}") for number in range(30)], "fr")
    (select,) = many[0]["elements"]
    assert (select["type"], len(select["options"])) == ("static_select", 30)
    assert wrong_in_blocks(few + many) == []


FIELDS = st.lists(
    st.builds(
        Field,
        name=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        label=st.text(),
        kind=st.sampled_from(["line", "text", "choice", "choices", "moment", "date", "time", "channels", "person"]),
        value=st.text() | st.sampled_from(["2026-12-01", "2026-12-01 10:00", "10:00", "a, b", "#general"]),
        choices=st.sampled_from([(), (("a", "A"), ("b", "B" * 100)), (("x" * 200, "long"),)]),
        required=st.booleans(),
        help=st.text(max_size=50),
        error=st.text(max_size=50),
        named=st.sampled_from([(), (("#general", "C1"),)]),
    ),
    max_size=8,
    unique_by=lambda each: each.name,
)


@QUICK
@given(FIELDS)
def test_slack_takes_every_form(fields: list[Field]) -> None:
    form = Form(
        "A form with quite a long title", "do it", tuple(fields), "Send it off, please", text="Read", preview="So"
    )
    shown = view(form, Origin(command="do it"), SCRIBE, "fr")
    assert shown is not None
    assert wrong_in_view(shown) == []
    assert set(values_of(shown)) == {each.name for each in fields}
    packed = pack(form)
    assert packed is None or unpack(packed) == form


def test_what_is_no_packed_form_is_none() -> None:
    for value in ("calendar next", "form1:", "form1:!!!", "form1:" + "0" * 100):
        assert unpack(value) is None


# On the wire


@pytest.fixture
async def world() -> AsyncIterator[SlackWorld]:
    made = SlackWorld()
    try:
        await made.open()
        yield made
    finally:
        await made.close()


def delivery(world: SlackWorld, words: str | Message, key: str = "test/1", **more: Any) -> Delivery:
    message = words if isinstance(words, Message) else Message(words)
    values: dict[str, Any] = {"to": world.channel} | more
    return Delivery(
        key=key,
        workspace=world.platform.workspace,
        feature="test",
        kind=Kind.ANSWER,
        message=message,
        due=LATER,
        **values,
    )


async def test_a_message_carries_its_key_and_is_found_by_it(world: SlackWorld) -> None:
    sent = delivery(world, "words", "welcome/ada@example.org")
    receipt = await world.platform.do(sent)
    assert receipt.message is not None
    stored = world.server.org.message(world.channel.id, receipt.message.id)
    assert stored is not None
    assert stored["metadata"]["event_type"] == METADATA
    assert "ada" not in json.dumps(stored["metadata"])
    assert await world.platform.find(sent) == receipt


async def test_an_answer_in_a_thread_and_a_direct_message_are_found_too(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    root = await world.say(ada, "a question")
    in_thread = delivery(world, "an answer", "test/thread", thread=root)
    direct = delivery(world, "for you", "test/direct", to=ada)
    for each in (in_thread, direct):
        receipt = await world.platform.do(each)
        assert await world.platform.find(each) == receipt
        assert await world.platform.find(replace(each, key="test/other")) is None


async def test_a_long_message_cut_off_by_a_crash_is_completed_and_said_once(world: SlackWorld) -> None:
    long = delivery(world, " ".join(f"w{number}" for number in range(6000)))
    receipt = await world.platform.do(long)
    assert receipt.message is not None
    messages = world.server.org.messages[world.channel.id]
    whole = [text_of(each) for each in messages]
    assert len(whole) > 1
    del messages[-1]
    assert await world.platform.find(long) is None
    await world.platform.do(replace(long, reason="not_arrived"))
    assert [text_of(each) for each in messages] == whole
    # And it goes as one.
    found = await world.platform.find(long)
    assert found is not None
    await world.platform.do(delivery(world, "-", "test/2", verb=Verb.WITHDRAW, target=found.message))
    assert messages == []


async def test_what_one_person_sees_cannot_be_looked_up(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    assert not world.platform.can_tell(delivery(world, "only you", visible_to=ada))
    assert world.platform.can_tell(delivery(world, "for all"))
    assert world.platform.can_tell(delivery(world, "for you", to=ada))


async def test_a_private_answer_reaches_a_channel_where_the_bot_is_not(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    elsewhere = world.server.org.new_channel("elsewhere", with_bot=False)["id"]
    world.server.org.members[elsewhere].add(ada.id)
    await world.people.slash(ada.id, elsewhere, "help")
    event = world.heard.events[-1]
    place = ChannelRef(world.platform.workspace, elsewhere)
    token = event.token  # type: ignore[attr-defined]  # A CommandGiven.
    await world.platform.do(delivery(world, "the help", to=place, visible_to=ada, token=token))
    assert [text_of(each) for each in world.people.said(ada.id, elsewhere)] == ["the help"]
    # Without a way there it comes in a direct message.
    await world.platform.do(delivery(world, "later", "test/2", to=place, visible_to=ada))
    assert [text_of(each) for each in world.people.said(ada.id)] == ["later"]


async def test_a_form_opens_while_the_trigger_lives_and_by_a_button_later(world: SlackWorld) -> None:
    ada = await world.newcomer("Ada")
    form = Form("When", "plan it", (Field("day", "Which day"),), "Ok")
    await world.people.slash(ada.id, world.channel.id, "plan")
    token = world.heard.events[-1].token  # type: ignore[attr-defined]  # A CommandGiven.
    await world.platform.do(delivery(world, Message("When?", form=form), visible_to=ada, token=token))
    shown = world.people.view_of(ada.id)
    assert shown is not None
    assert shown["title"]["text"] == "When"
    assert world.people.said(ada.id, world.channel.id) == []
    world.server.api.views.clear()
    old = Ticket(at=world.platform.held.now() - 10, trigger="gone", command="plan", channel=world.channel.id)
    await world.platform.do(delivery(world, Message("When?", form=form), "test/2", visible_to=ada, token=old.written()))
    assert world.people.view_of(ada.id) is None
    (asked,) = world.people.said(ada.id, world.channel.id)
    assert text_of(asked) == "When?"
    # The button gives the command again, whose answer has a trigger that lives.
    await world.people.press(ada.id, world.channel.id, asked["ts"], "Open the form")
    again = world.heard.events[-1]
    assert again.text == "plan"  # type: ignore[attr-defined]  # A CommandGiven.


async def test_a_message_edited_by_one_too_long_is_refused_and_a_withdrawn_one_may_be_gone(world: SlackWorld) -> None:
    receipt = await world.platform.do(delivery(world, "short"))
    gone = delivery(world, "-", "test/3", verb=Verb.WITHDRAW, target=receipt.message)
    await world.platform.do(gone)
    assert (await world.platform.do(gone)).message == receipt.message
    private = MessageRef(world.channel, "1.2;ephemeral")
    assert (await world.platform.do(delivery(world, "x", "test/4", verb=Verb.EDIT, target=private))).message == private


async def test_after_a_429_nothing_more_is_asked_until_slack_allows_it(world: SlackWorld) -> None:
    world.server.faults["chat.postMessage"].append("429")
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            await world.platform.do(delivery(world, "words"))
        assert 0 < caught.value.retry_after <= 2
    assert world.server.count["chat.postMessage"] == 1
    other = ChannelRef(world.platform.workspace, world.server.org.new_channel("other")["id"])
    await world.platform.do(delivery(world, "words", to=other))


@QUICK
@given(st.lists(st.floats(0, 90), min_size=1, max_size=300))
def test_no_method_is_asked_more_often_in_any_minute_than_its_tier(gaps: list[float]) -> None:
    now = 0.0
    turns = Turns({"users.list": 20}, lambda: now)
    asked: list[float] = []
    for gap in gaps:
        now += gap if gap > 60 else gap / 30
        while (seconds := turns.wait("users.list")) > 0 and gap > 80:
            now += seconds  # Somebody patient.
        if seconds == 0:
            asked.append(now)
    assert all(sum(at <= each < at + 60 for each in asked) <= 20 for at in asked)
