"""Answers written in chat, and the homes that are on their way, as the store keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.actions import Action, Forget, Planned, RemoveAnswer, Send, ShowHome, WriteAnswer
from bot.core.answers import KeptAnswer, Wording
from bot.core.delivery import Kind, State, Verb
from bot.core.editorial import Status
from bot.core.errors import Overtaken
from bot.core.message import Field, Form, Message, Section
from bot.core.refs import MemberRef, WorkspaceRef
from bot.store import Store

HERE, THERE = WorkspaceRef("test", "here"), WorkspaceRef("test", "there")
ALICE = MemberRef(HERE, "U1")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEPT = KeptAnswer(slug="tea", texts={"en": Wording("Where is the tea?", "In the kitchen.", ("tea",))}, tags=("food",))


async def do(store: Store, *actions: Action, workspace: WorkspaceRef = HERE, source: str = "one") -> int:
    plans = [Planned("answers", actions)]
    return await store.journal.commit(workspace, plans, at=NOW, source=source)


async def test_an_answer_is_kept_changed_and_removed(store: Store) -> None:
    before = await store.answers.stamp()
    await do(store, WriteAnswer(KEPT, 0))
    assert await store.answers.get(HERE, "tea") == KEPT
    assert await store.answers.get(THERE, "tea") is None
    assert await store.answers.approved() == []
    stamps = {before, await store.answers.stamp()}
    second = replace(KEPT, status=Status.APPROVED, version=2)
    await do(store, WriteAnswer(second, 1), source="two")
    assert await store.answers.approved() == [second]
    stamps.add(await store.answers.stamp())
    await do(store, RemoveAnswer("tea"), source="three")
    assert await store.answers.approved() == []
    assert len(stamps) == 3


async def test_whoever_is_later_does_not_overwrite(store: Store) -> None:
    await do(store, WriteAnswer(KEPT, 0))
    for instead_of in (0, 2):
        with pytest.raises(Overtaken):
            await do(store, WriteAnswer(replace(KEPT, tags=()), instead_of), source="two")
    assert await store.answers.get(HERE, "tea") == KEPT


async def test_answers_are_listed_by_slug_and_state(store: Store) -> None:
    kept = [replace(KEPT, slug=slug) for slug in ("b", "c", "a")]
    await do(store, *(WriteAnswer(each) for each in kept), WriteAnswer(replace(KEPT, status=Status.APPROVED)))
    assert [each.slug for each in await store.answers.all(HERE)] == ["a", "b", "c", "tea"]
    assert [each.slug for each in await store.answers.all(HERE, after="a", limit=2)] == ["b", "c"]
    assert [each.slug for each in await store.answers.all(HERE, status=Status.APPROVED)] == ["tea"]
    await do(store, WriteAnswer(replace(KEPT, status=Status.APPROVED)), workspace=THERE, source="two")
    assert [each.slug for each in await store.answers.approved()] == ["tea"]


async def test_what_somebody_owned_who_is_forgotten_is_the_animators(store: Store) -> None:
    await do(store, WriteAnswer(replace(KEPT, owner=str(ALICE))))
    assert (await store.notes.about(ALICE))["answers"] == ["tea"]
    await do(store, Forget(ALICE), source="two")
    kept = await store.answers.get(HERE, "tea")
    assert kept is not None
    assert kept.owner == "animator"
    assert (await store.notes.about(ALICE))["answers"] == []


# Forms


async def test_what_was_filled_in_is_sealed_until_it_is_shown_again(store: Store) -> None:
    form = Form("Tea", "tea", (Field("where", "Where", value="behind the green sofa"),), "Ok")
    again = Message("Not there", form=form)
    send = Send(to=ALICE, message=again, kind=Kind.ANSWER, key="form", answers="E1")
    await do(store, send)
    seen = await store.ledger.find(HERE, "form")
    assert seen is not None
    assert "sofa" not in repr(replace(seen, message=Message(seen.message.text)))
    assert seen.message.form is None
    (claimed,) = await store.outbound.claim(NOW)
    assert (claimed.message, claimed.answers) == (again, "E1")
    (more,) = await store.outbound.claim(NOW, only=ALICE)
    assert more.message == again
    assert await store.outbound.sending(claimed, NOW)
    assert [each.message for each in await store.outbound.half_sent()] == [again]


# Homes


def home(text: str) -> ShowHome:
    return ShowHome(ALICE, Message("", sections=(Section(f"## {text}"),)))


async def texts(store: Store) -> list[str]:
    claimed = await store.outbound.claim(NOW)
    return [each.message.sections[0].text for each in claimed if each.verb is Verb.HOME]


async def test_only_the_newest_home_is_on_its_way(store: Store) -> None:
    await do(store, home("one"), home("two"))
    await do(store, home("three"), source="two")
    assert await texts(store) == ["## three"]


async def test_a_home_that_is_being_shown_goes_first_and_is_let_go_afterwards(store: Store) -> None:
    await do(store, home("one"))
    (first,) = await store.outbound.claim(NOW)
    assert await store.outbound.sending(first, NOW)
    await do(store, home("two"), source="two")
    await do(store, home("three"), source="three")
    assert await texts(store) == []
    assert [each.id for each in await store.outbound.half_sent()] == [first.id]
    await store.outbound.close(first, State.FAILED, "refused")
    assert await texts(store) == ["## three"]
    await do(store, home("four"), source="four")
    assert await store.ledger.numbered(HERE, first.id) is None
    assert first.expires is not None
    assert first.expires - NOW < timedelta(hours=1)
