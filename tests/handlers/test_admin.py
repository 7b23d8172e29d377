"""Administration: help, roles, the ledger, troubles of deliveries and of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.community import Role
from bot.core.errors import Problem
from bot.core.events import FilesChanged
from handlers import FEATURES, admin
from tests.handlers.stage import ADA, ANN, BEN, CHLOE, ODILE, OSCAR, Stage, stage


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={}) as playing:
        yield playing


# Decisions


def test_problems_in_any_order_are_the_same_news() -> None:
    one, two = Problem("a.yaml", 1, "x"), Problem("b.yaml", 2, "y", "z")
    assert admin.digest_of([one, two]) == admin.digest_of([two, one])
    assert admin.digest_of([one]) != admin.digest_of([one, two])


@pytest.mark.parametrize(
    ("text", "name"), [("@Ann", "@Ann"), (" ann ", "ann"), ("[Ann](mention:ann%2F1)", "ann/1"), ("", "")]
)
def test_people_are_named_as_platforms_write_them(text: str, name: str) -> None:
    assert admin.addressee(text) == name


# Help


async def test_each_role_is_shown_what_it_may_do_in_its_language(play: Stage) -> None:
    member, animator = await play.ask(ANN, "help"), await play.ask(ODILE, "aide")
    administrator = await play.ask(ADA, "help")
    assert "/allant me mute [2w|forever]" in member
    assert "/allant calendar list" not in member
    assert "/allant calendrier liste" in animator
    assert "/allant rôles donner" not in animator
    assert "/allant roles give @name" in administrator
    assert "Calendrier" in animator
    for said in (member, administrator):
        assert "{" not in said


async def test_every_command_of_every_feature_is_in_an_administrators_help(play: Stage) -> None:
    said = await play.ask(ADA, "help")
    for feature in FEATURES:
        for command in feature.commands:
            assert (f"`/allant {' '.join(command.path)}" in said) is not command.hidden


async def test_help_on_one_topic(play: Stage) -> None:
    said = await play.ask(OSCAR, "help calendar")
    assert "calendar pause" in said
    assert "me mute" not in said
    assert "rhubarbe" in await play.ask(CHLOE, "aide rhubarbe")
    assert "nothing on" in await play.ask(ANN, "help roles")


# Roles


async def test_roles_are_given_and_taken_back_and_the_person_is_told(play: Stage) -> None:
    assert "has the role: animator" in await play.ask(ADA, "roles give @Ben animator")
    giving = play.said_in("general")[-1]
    assert "Your role here is now: animator" in play.told(BEN)[-1].text
    assert "Ben" in await play.ask(ADA, "roles")
    assert "calendar" in await play.ask(BEN, "calendar list")
    await play.press(ADA, giving, "Undo")
    assert "role" in await play.ask(BEN, "calendar list")
    await play.ask(ADA, "rôles donner @chloé Animation")
    chloe = await play.allant.store.members.get(play.member("chloe"))
    assert chloe is not None
    assert chloe.role is Role.ANIMATOR
    assert "animation" in play.told(CHLOE)[-1].text


async def test_the_last_administrator_stays(play: Stage) -> None:
    assert "last administrator" in await play.ask(ADA, "roles take @Ada")
    assert "last administrator" in await play.ask(ADA, "roles give Ada member")
    await play.ask(ADA, "roles give Ann admin")
    assert "has the role: member" in await play.ask(ADA, "roles take Ada")


async def test_roles_are_for_administrators_and_mistakes_say_what_to_write(play: Stage) -> None:
    assert "administrator" in await play.ask(OSCAR, "roles give Oscar admin")
    assert "Write whom and what" in await play.ask(ADA, "roles give Ben")
    assert "Write whom and what" in await play.ask(ADA, "roles give Ben emperor")
    assert "I know nobody" in await play.ask(ADA, "roles give Zoe animator")
    assert "whom you mean" in await play.ask(ADA, "roles take")


async def test_managers_are_marked_and_unmarked(play: Stage) -> None:
    assert "leads a team" in await play.ask(ADA, "managers mark Ben")
    ben = await play.allant.store.members.get(play.member("ben"))
    assert ben is not None
    assert ben.manager
    await play.press(ADA, play.said_in("general")[-1], "Undo")
    ben = await play.allant.store.members.get(play.member("ben"))
    assert ben is not None
    assert not ben.manager


async def test_the_status_says_what_is_there(play: Stage) -> None:
    said = await play.ask(ADA, "status")
    for part in ("7 channels", "0 items", "3 people who animate", "no writing service is configured"):
        assert part in said
    await play.ask(ADA, "me language fr")
    assert "**Je fonctionne.**" in await play.ask(ADA, "état")
    assert "administrator" in await play.ask(OSCAR, "status")


# Files


async def _tell(play: Stage, event: FilesChanged) -> None:
    await play.allant.dispatcher.handle(event)
    await play.settle()


async def test_wrong_files_are_named_once_and_their_mending_too(play: Stage) -> None:
    problems = tuple(Problem(f"faq/{number}.md", number, "has no *title*", "write one") for number in range(1, 13))

    def changed(number: int, *found: Problem) -> FilesChanged:
        return FilesChanged(id=f"f{number}", at=play.clock.now(), workspace=play.workspace, problems=found)

    await _tell(play, changed(1, *problems))
    await _tell(play, changed(2, *reversed(problems)))
    [told] = play.told(OSCAR)
    assert "12 mistakes" in told.text
    assert "faq/3.md:3** has no *title* (write one)" in told.text.replace("\\", "")
    assert "and 2 more" in told.text
    assert "12 erreurs" in play.told(ODILE)[0].text
    await _tell(play, changed(3))
    await _tell(play, changed(4))
    assert [post.text for post in play.told(OSCAR)[1:]] == ["The files are right again, and in use."]
    await _tell(play, changed(5, *problems))
    assert len(play.told(OSCAR)) == 3


async def test_the_name_of_a_group_of_commands_leads_to_its_help(play: Stage) -> None:
    assert "`/allant help watch`" in await play.ask(OSCAR, "watch")
    assert "`/allant aide veille`" in await play.ask(ODILE, "veille")
    # Typed without its accents, as most people do.
    assert "roles give" in await play.ask(ADA, "aide rôles") == await play.ask(ADA, "aide roles")
    assert "`/allant aide`" in await play.ask(ODILE, "xyzzy")
    assert "`/allant tuto`" in await play.ask(ANN, "tutorial")


async def test_a_command_that_is_not_complete_says_what_may_follow(play: Stage) -> None:
    said = await play.ask(OSCAR, "watch")
    assert "`/allant watch` needs one more word: list, preview" in said
    assert "`/allant help watch` says what each does" in said
    assert "`/allant veille` demande encore un mot : liste, aperçu" in await play.ask(ODILE, "veille")
    assert "“soon” does not go with `/allant calendar`. What does: next, list" in await play.ask(OSCAR, "calendar soon")
    assert "pause" not in await play.ask(ANN, "calendar soon")  # Only what they may give.
    await play.press(OSCAR, play.said_in("general")[0], "About watch")
    assert "`/allant watch list" in play.said_in("general")[-1].text


async def test_a_group_with_a_usual_command_needs_no_further_word(play: Stage) -> None:
    assert "Nothing is planned" in await play.ask(OSCAR, "calendar")
    assert "Rien n’est prévu" in await play.ask(ODILE, "calendrier")
