"""Standing: whoever lets the bot in hears what it can do and what it lacks, in both languages."""

from __future__ import annotations

from pathlib import Path

from tests.wire.telegram_house import house, words
from tests.wire.telegram_server import BotApi


async def test_a_member_in_privacy_mode_says_what_it_cannot_see_and_how_to_change_that(tmp_path: Path) -> None:
    async with BotApi(privacy=True).serving() as api, house(tmp_path, api) as play:
        nora = api.user("Nora", language="en")
        room = api.group("general", bot="member")
        await api.admit_bot(room, nora)
        await play.settle()
        [said] = play.heard(room.id)
        assert "I see only commands" in words([said])
        assert "/setprivacy" in words([said])
        assert "je ne vois que les commandes" in words([said])
        # Made an administrator, it says that all is well.
        await api.admit_bot(room, nora, before="member", now="administrator")
        await play.settle()
        said_then = words(play.heard(room.id))
        assert "see who comes, who leaves" in said_then
        assert "❌" not in said_then


async def test_who_has_opened_the_conversation_hears_it_there_in_their_language_first(tmp_path: Path) -> None:
    async with BotApi().serving() as api, house(tmp_path, api) as play:
        odile = api.user("Odile", language="fr")
        await api.start(odile)
        await play.settle()
        assert "Bonjour Odile" in words(play.heard(odile))
        room = api.group("général")
        await api.admit_bot(room, odile)
        await play.settle()
        assert play.heard(room.id) == []
        told = words(play.heard(odile))
        assert told.index("Je suis maintenant dans général") < told.index("I am now in général")
        # Told twice, it says so once.
        await api.admit_bot(room, odile, before="administrator")
        await play.settle()
        assert await play.allant.store.channels.get(play.channel(room)) is not None


async def test_a_bot_that_was_taken_out_keeps_the_channel_as_archived(tmp_path: Path) -> None:
    async with BotApi().serving() as api, house(tmp_path, api) as play:
        nora = api.user("Nora")
        room = api.group("general")
        await api.admit_bot(room, nora)
        await api.admit_bot(room, nora, before="administrator", now="kicked")
        await play.settle()
        channel = await play.allant.store.channels.get(play.channel(room))
        assert channel is not None
        assert channel.archived
