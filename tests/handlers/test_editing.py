"""Items made in chat: written, reviewed, approved under the rules, changed, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.actions import GiveRole, Planned
from bot.core.community import Role
from bot.core.editorial import Status
from bot.platforms.playground import Person, Post
from tests.handlers.stage import ADA, ANN, BEN, ODILE, OSCAR, Stage, stage

FILE = """
items:
  - id: hello
    every: monday 10:30
    to: ["#general"]
    words: {en: "Hello", fr: "Bonjour"}
"""
TEA = "when: friday 15:00\nto: #random\nfr: Un thé ?\nen: Tea?\nthen: {then}"
RULES = """
policy: {zone: Europe/Paris}
publishing:
  groups: {design: [ann]}
  deputies: {oscar: odile}
  rules:
    - channels: ["#ideas"]
      write: ["team:design", animator]
      approve: [animator]
      four_eyes: true
    - channels: ["tag:official"]
      write: ["@odile"]
      approve: ["@odile"]
      publish: ["@odile"]
      days: [tuesday]
      opens: "09:00"
      closes: "12:00"
    - channels: ["#help"]
      channel_week: 1
    - channels: ["#learning"]
      author_week: 1
"""


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={"items.yaml": FILE}) as playing:
        yield playing


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, schedules={"items.yaml": FILE, "policy.yaml": RULES}) as playing:
        yield playing


async def write(play: Stage, person: Person, item: str, version: int = 0, *, then: str = "approve", **more: str) -> str:
    """The person gives the form's fields as lines."""
    lines = {"when": "friday 15:00", "to": "#random", "fr": "Un thé ?", "en": "Tea?", "then": then, **more}
    text = "\n".join(f"{name}: {value}" for name, value in lines.items())
    head = f"calendar write {item}" + (f" {version}" if version else "")
    return (await play.ask(person, f"{head}\n{text}")).replace("\\", "")


def as_it_is(post: Post, **changed: str) -> dict[str, str]:
    """The form's fields as they are shown, with some changed."""
    assert post.form is not None
    return {field.name: field.value for field in post.form.fields} | changed


async def status(play: Stage, item: str) -> Status | None:
    kept = await play.allant.store.items.get(play.workspace, item)
    return kept.status if kept is not None else None


# Making and changing


async def test_an_item_made_in_a_form_goes_out(play: Stage) -> None:
    assert "ne convient pas comme nom" in await play.ask(ODILE, "calendrier ajouter thé-du-vendredi")
    await play.ask(ODILE, "calendrier ajouter")
    form = play.said_in("general")[-1]
    values = {"id": "tea", "when": "chaque: vendredi 15:00\nsauf: 2026-12-04", "to": "#random, @responsables"}
    await play.submit(ODILE, form, **values, fr="Un thé ?", en="Tea?", then="approve")
    saved = play.said_in("general")[-1]
    assert "est approuvé" in saved.text
    assert "vendredi 27 novembre 2026 à 15:00" in saved.text
    assert "tea" in await play.ask(ANN, "calendar next 3")
    await play.until(datetime(2026, 12, 12, tzinfo=UTC))
    assert [post.text for post in play.said_in("random")] == ["Un thé ?\n\n---\n\nTea?"] * 2  # The 4th is left out.


async def test_what_cannot_be_used_changes_nothing_and_is_said_in_ones_language(play: Stage) -> None:
    assert "no name for an item" in await write(play, OSCAR, "4")
    assert "There is an item **hello**" in await write(play, OSCAR, "hello")
    assert "cannot use this" in await write(play, OSCAR, "tea", when="moonday 10:00")
    assert "Je ne peux pas utiliser" in await write(play, ODILE, "tea", to="@everybody")
    assert "needs words" in await write(play, OSCAR, "tea", fr="", en="")
    assert "Say where it goes" in await write(play, OSCAR, "tea", to="")
    assert "Say when" in await write(play, OSCAR, "tea", when="")
    assert await status(play, "tea") is None


async def test_an_edited_item_is_planned_anew_and_a_stale_form_saves_nothing(play: Stage) -> None:
    await write(play, OSCAR, "tea")
    await play.ask(OSCAR, "calendar edit tea")
    stale = play.said_in("general")[-1]
    assert "est approuvé" in await write(play, ODILE, "tea", 1, when="thursday 15:00")
    await play.submit(OSCAR, stale, **as_it_is(stale, days="wednesday"))
    assert "while your form was open" in play.said_in("general")[-1].text
    assert "26 November" in await play.ask(ANN, "calendar next 2")


async def test_an_item_of_a_file_is_edited_there_and_can_be_duplicated(play: Stage) -> None:
    said = (await play.ask(OSCAR, "calendar edit hello")).replace("\\", "")
    assert "items.yaml:3" in said
    await play.press(OSCAR, play.said_in("general")[-1], "Duplicate")
    form = play.said_in("general")[-1]
    assert "Hello" in form.text
    assert await status(play, "hello-2") is Status.DRAFT
    await play.submit(OSCAR, form, **as_it_is(form, then="approve"))
    assert await status(play, "hello-2") is Status.APPROVED
    await play.until(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert len(play.said_in("general")) >= 2
    assert "stands in a file" in await play.ask(OSCAR, "calendar delete hello")


# On its way


async def test_a_draft_is_submitted_sent_back_and_approved(play: Stage) -> None:
    await write(play, OSCAR, "tea", then="draft")
    assert "brouillon" in await play.ask(ODILE, "calendar preview tea")
    assert "waits for approval" in await play.ask(OSCAR, "calendar submit tea")
    asked = next(post for post in play.told(ODILE) if "tea" in post.text)
    assert "vous demande d’approuver" in asked.text
    await play.press(ODILE, asked, "calendar reject tea")
    form = play.told(ODILE)[-1]
    await play.submit(ODILE, form, reason="Trop long")
    assert "Trop long" in play.told(OSCAR)[-1].text
    assert await status(play, "tea") is Status.DRAFT
    await play.ask(OSCAR, "calendar submit tea")
    assert "approuvé" in await play.ask(ODILE, "calendrier approuver tea")
    assert "approved **tea**" in play.told(OSCAR)[-1].text
    assert "is approved already" in (await play.ask(OSCAR, "calendar approve tea"))
    await play.until(datetime(2026, 11, 27, 14, tzinfo=UTC))
    assert len(play.said_in("random")) == 1


async def test_nothing_in_review_goes_out(play: Stage) -> None:
    await write(play, OSCAR, "tea", then="submit")
    await play.until(datetime(2026, 12, 5, tzinfo=UTC))
    assert play.said_in("random") == []


# Who may


async def test_a_refusal_says_why_and_whom_to_ask(ruled: Stage) -> None:
    said = await write(ruled, OSCAR, "news", to="#announcements")
    assert "may not write for #announcements" in said
    assert "Odile" in said
    assert "may not write" in await write(ruled, BEN, "tea")
    assert await status(ruled, "news") is None
    assert "ce jour-là : vendredi 27 novembre" in await write(ruled, ODILE, "news", to="#announcements")
    late = await write(ruled, ODILE, "news", to="#announcements", when="tuesday 15:00")
    assert "à cette heure" in late
    assert "est approuvé" in await write(ruled, ODILE, "news", to="#announcements", when="tuesday 10:00")
    assert "may not decide" in await ruled.ask(OSCAR, "calendar skip news")


async def test_somebody_named_by_their_team_may_write_but_four_eyes_approve(ruled: Stage) -> None:
    assert "waits for approval" in await write(ruled, ANN, "wish", to="#ideas")
    assert await status(ruled, "wish") is Status.IN_REVIEW
    assert "may not approve" in await ruled.ask(ANN, "calendar approve wish")
    said = await write(ruled, OSCAR, "mine", to="#ideas")
    assert "Somebody else has to approve" in said
    assert "does not approve it" in await ruled.ask(OSCAR, "calendar approve mine")
    assert "est approuvé" in await ruled.ask(ODILE, "calendrier approuver mine")


async def test_a_channel_and_an_author_have_only_so_many_posts_a_week(ruled: Stage) -> None:
    assert "is approved" in await write(ruled, OSCAR, "one", to="#help")
    assert "limited to 1 a week" in await write(ruled, OSCAR, "two", to="#help", when="thursday 10:00")
    assert "is approved" in await write(ruled, OSCAR, "three", to="#learning")
    assert "yours are used up" in await write(ruled, OSCAR, "four", to="#learning", when="thursday 10:00")
    assert "est approuvé" in await write(ruled, ODILE, "five", to="#learning", when="thursday 10:00")


async def test_whoever_leaves_leaves_their_items_to_their_deputy(ruled: Stage) -> None:
    await write(ruled, OSCAR, "tea")
    ruled.server.leave("oscar")
    await ruled.settle()
    kept = await ruled.allant.store.items.get(ruled.workspace, "tea")
    assert kept is not None
    assert kept.owner == str(ruled.member("odile"))
    assert "est parti" in ruled.told(ODILE)[-1].text
    # Nobody who is here had approved it.
    await ruled.ask(ODILE, "calendrier approuver tea", "help")
    await ruled.until(datetime(2026, 11, 27, 14, tzinfo=UTC))
    assert len(ruled.said_in("random")) == 1


async def test_whoever_no_longer_animates_hands_over_too(ruled: Stage) -> None:
    await write(ruled, OSCAR, "tea")
    await ruled.ask(ADA, "roles take @oscar")
    kept = await ruled.allant.store.items.get(ruled.workspace, "tea")
    assert kept is not None
    assert kept.owner == str(ruled.member("odile"))
    assert "ne fait plus partie de l’animation. 1 élément" in ruled.told(ODILE)[-1].text


# Taking it back


async def test_undo_takes_back_the_last_change_step_by_step(play: Stage) -> None:
    await write(play, OSCAR, "tea")
    await write(play, OSCAR, "tea", 1, when="thursday 15:00")
    assert "is taken back" in await play.ask(OSCAR, "calendar undo")
    assert "27 November" in await play.ask(ANN, "calendar next 2")
    assert "is taken back" in await play.ask(OSCAR, "calendar undo")
    assert await status(play, "tea") is None
    assert "nothing that could" in await play.ask(OSCAR, "calendar undo")
    history = (await play.ask(ODILE, "calendrier historique tea")).replace("\\", "")
    assert "~~#1" in history
    assert "(annule #2)" in history


async def test_a_deleted_item_comes_back_with_its_moments(play: Stage) -> None:
    await write(play, OSCAR, "tea")
    assert "est supprimé" in await play.ask(ODILE, "calendar delete tea confirm")
    assert await status(play, "tea") is None
    await play.press(ODILE, play.said_in("general")[-1], "calendar undo")
    assert await status(play, "tea") is Status.APPROVED
    await play.until(datetime(2026, 11, 27, 14, tzinfo=UTC))
    assert len(play.said_in("random")) == 1


async def test_an_undo_on_which_newer_changes_stand_is_refused(play: Stage) -> None:
    await write(play, OSCAR, "tea")
    await write(play, ODILE, "tea", 1, when="thursday 15:00")
    said = await play.ask(OSCAR, "calendar undo")
    assert "#2 stands on it" in said.replace("\\", "")
    assert "est annulée" in await play.ask(ODILE, "calendrier annuler 2")
    assert "is taken back" in await play.ask(OSCAR, "calendar undo 1")
    assert "was taken back already" in await play.ask(OSCAR, "calendar undo 1")
    assert "no number" in await play.ask(OSCAR, "calendar undo it")
    assert "no change #99" in (await play.ask(OSCAR, "calendar undo 99")).replace("\\", "")


async def test_the_history_tells_who_did_what_also_after_they_are_forgotten(play: Stage) -> None:
    await write(play, OSCAR, "tea", then="draft")
    await play.ask(OSCAR, "calendar submit tea")
    await play.ask(ODILE, "calendar approve tea")
    await play.ask(ODILE, "calendar skip tea")
    await play.ask(ODILE, "calendar pause tea")
    history = await play.ask(ODILE, "calendrier historique tea")
    for part in ("l’a créé", "l’a soumis", "l’a approuvé", "a sauté", "l’a suspendu", "Oscar", "Odile"):
        assert part in history
    await play.tell(OSCAR, "/allant me forget confirm")
    assert "Oscar" not in await play.ask(ODILE, "calendrier historique tea")
    assert "quelqu’un l’a créé" in await play.ask(ODILE, "calendrier historique tea")


async def test_a_role_given_later_opens_what_a_role_may(play: Stage) -> None:
    assert "may not write" in await write(play, BEN, "tea")
    plan = GiveRole(play.member("ben"), Role.ANIMATOR)
    await play.allant.store.journal.commit(
        play.workspace, [Planned("test", (plan,))], at=play.clock.now(), source="test"
    )
    assert "is approved" in await write(play, BEN, "tea")
