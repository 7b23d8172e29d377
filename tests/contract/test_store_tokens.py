"""The token of a command on its way to the delivery that answers it: sealed while it waits, gone once it is sent."""

from __future__ import annotations

from pathlib import Path

from bot.core.delivery import Receipt, State
from bot.core.events import CommandGiven
from bot.store import Store
from tests.contract.store_house import ACME, ALICE, GENERAL, NOW, SECRET, do, found, on_disk, say

TOKEN = '{"at":1.0,"trigger":"1337.42.a-trigger-that-is-secret"}'


async def test_the_token_travels_to_the_delivery_and_is_gone_with_it(store: Store) -> None:
    await do(store, say("answer", token=TOKEN), say("plain"))
    answer, plain = await store.outbound.claim(NOW)
    assert (answer.token, plain.token) == (TOKEN, "")
    assert (await found(store, "answer")).token == "", "who only reads the ledger learns nothing of it"
    assert "trigger" not in repr(answer)
    # A place's next deliveries are read in another way.
    (more, _) = await store.outbound.claim(NOW, only=GENERAL)
    assert more.token == TOKEN
    assert await store.outbound.sending(answer, NOW)
    assert [each.token for each in await store.outbound.half_sent()] == [TOKEN]
    await store.outbound.sent(answer, Receipt(), NOW)
    assert {each.token for each in await store.ledger.recent(ACME)} == {""}


async def test_a_delivery_given_up_keeps_no_token(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/a.db", secret=SECRET)
    try:
        await do(store, say("answer", token=TOKEN))
        assert b"1337.42" not in on_disk(tmp_path)
        answer = await found(store, "answer")
        await store.outbound.close(answer, State.FAILED, "refused")
    finally:
        await store.close()
    assert b"1337.42" not in on_disk(tmp_path)


async def test_a_token_sealed_with_another_secret_is_done_without(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = await Store.open(url, secret=SECRET)
    await do(store, say("answer", token=TOKEN))
    await store.close()
    store = await Store.open(url, secret=b"another secret, quite as long as")
    try:
        (answer,) = await store.outbound.claim(NOW)
        assert (answer.key, answer.token) == ("answer", "")
    finally:
        await store.close()


def test_a_command_does_not_show_its_token() -> None:
    given = CommandGiven(
        id="1", at=NOW, workspace=ACME, member=ALICE, channel=GENERAL, text="help", token="a-trigger-that-is-secret"
    )
    assert "secret" not in repr(given)
