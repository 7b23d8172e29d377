"""The playground's page in a real browser: what a person does there, and what they see."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect
from starlette.applications import Starlette

from bot.core.clock import VirtualClock
from bot.core.community import Role
from bot.core.delivery import Delivery, Kind, Verb
from bot.core.events import CommandGiven, Event, HomeOpened, MemberJoined, MessagePosted
from bot.core.message import Button, Field, Form, Message, Section, escape
from bot.core.refs import ChannelRef, Language, MemberRef, MessageRef, Place
from bot.markdown import MarkdownRenderer
from bot.platforms.playground import Hint, Person, PlaygroundPlatform, PlaygroundServer, routes
from bot.web import listen, web_server

pytestmark = pytest.mark.browser
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Parrot:
    """A bot small enough to see through: it welcomes, answers, and offers a form."""

    def __init__(self, platform: PlaygroundPlatform) -> None:
        self.platform = platform
        self.heard: list[Event] = []

    async def __call__(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, MemberJoined) and event.channel is None:
            await self.say(event.id, event.member.ref, Message(f"Bienvenue **{escape(event.member.name)}** !"))
        elif isinstance(event, CommandGiven) and event.text == "form":
            form = Form("Une publication", "calendar add", (Field("title", "Titre"),), "Planifier")
            await self.answer(event, Message("À remplir", form=form))
        elif isinstance(event, CommandGiven) and event.text == "tall":
            fields = tuple(Field(f"f{number}", f"Texte {number}", "text", required=False) for number in range(9))
            form = Form("Un long formulaire", "calendar add", fields, "Planifier")
            await self.answer(event, Message("À remplir", form=form))
        elif isinstance(event, CommandGiven) and event.text in ("plan", "plan try", "plan it"):
            await self.answer(event, planned(event))
        elif isinstance(event, CommandGiven):
            words = f"{event.text} {event.fields.get('title', '')}"
            await self.answer(event, Message(escape(words)))
        elif isinstance(event, HomeOpened):
            await self.say(event.id, event.member, HOME, verb=Verb.HOME)
        elif isinstance(event, MessagePosted) and event.mentions_bot:
            buttons = (Button("Utile", "faq helped"), Button("Pas utile", "faq not"))
            await self.say(event.id, event.channel, Message("## Réponse", buttons), thread=event.message)

    async def answer(self, event: CommandGiven, message: Message) -> None:
        visible = None if event.direct else event.member
        await self.say(event.id, event.channel, message, visible_to=visible, answers=event.id)

    async def say(self, key: str, to: Place, message: Message, **more: Any) -> None:
        await self.platform.do(
            Delivery(
                key=key,
                workspace=self.platform.workspace,
                feature="parrot",
                kind=Kind.ANSWER,
                to=to,
                message=message,
                due=NOW,
                **more,
            )
        )


HOME = Message(
    "",
    sections=(
        Section("## À venir\n\n- **vendredi** – le thé", (Button("Suivants", "home week 2"), Button("Plan", "plan"))),
        Section("## Vous\n\nLangue : français", (Button("Silence", "me mute"),)),
    ),
)


def planned(event: CommandGiven) -> Message:
    """A form of every kind; a day before December is wrong; a preview shows what was written."""
    day = event.fields.get("day", "")
    if event.text == "plan it" and day >= "2026-12":
        return Message(escape(" ".join(f"{name}={value}" for name, value in event.fields.items())))
    fields = (
        Field("to", "Où", "channels", event.fields.get("to", "#random"), (("tag:social", "les canaux sociaux"),)),
        Field("day", "Quel jour", "date", day, error="Trop tôt" if event.text == "plan it" else ""),
        Field("time", "À quelle heure", "time", event.fields.get("time", "15:00"), help="à votre heure"),
        Field("days", "Jours", "choices", event.fields.get("days", ""), (("mon", "lundi"), ("fri", "vendredi")), False),
        Field("fr", "Texte français", "text", event.fields.get("fr", "")),
        Field("en", "Texte anglais", "text", event.fields.get("en", ""), required=False),
        Field("who", "Pour qui", "person", event.fields.get("who", ""), required=False),
    )
    preview = f"Ce sera **{escape(event.fields['fr'])}**" if event.text == "plan try" else ""
    form = Form("Planifier", "plan it", fields, "Garder", "", preview, (Button("Aperçu", "plan try"),))
    return Message("Planifions", form=form)


def hints(language: Language, role: Role) -> list[Hint]:
    helped = {"fr": "Tout ce que je sais faire", "en": "All I can do"}
    return [Hint("help", helped[language]), Hint("faq", "FAQ", "QUESTION"), Hint("form", "Form")]


def chromium() -> str:
    """Where the browser is; a missing one fails the test, so that nobody takes silence for success."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or not Path(path).exists():
        pytest.fail("Chromium is missing: on Debian `apt-get install chromium`, or set CHROMIUM=/path/to/chromium")
    return path


@pytest.fixture
async def server() -> AsyncIterator[PlaygroundServer]:
    server = PlaygroundServer(None, VirtualClock(NOW))
    server.create_room("general", {"fr": "Ce qui nous concerne ensemble", "en": "What concerns us all"})
    server.create_room("random", {"fr": "Le reste", "en": "The rest"})
    server.arrive(Person(id="camille", name="Camille Laurent", language="fr", animator=True))
    server.arrive(Person(id="hannah", name="Hannah Whitfield", language="en", animator=True))
    yield server
    server.close()


@pytest.fixture
async def parrot(server: PlaygroundServer) -> AsyncIterator[Parrot]:
    platform = PlaygroundPlatform(server)
    parrot = Parrot(platform)
    listening = asyncio.create_task(platform.run(parrot))
    yield parrot
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def address(server: PlaygroundServer, parrot: Parrot) -> AsyncIterator[str]:
    app = Starlette(routes=routes(server, MarkdownRenderer(), server.clock, hints=hints))
    # The socket listens from here on, so that nobody has to wait for the server to be ready.
    socket = listen("127.0.0.1", 0)
    web = web_server(app)
    serving = asyncio.create_task(web.serve(sockets=[socket]))
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.hang_up()
    web.should_exit = True
    await serving
    socket.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        await browser.close()


class Trouble(list[str]):
    """What the browser complained about: a blocked script, an exception."""


async def open_page(browser: Browser, address: str, locale: str = "fr-FR", **more: Any) -> tuple[Page, Trouble]:
    context = await browser.new_context(locale=locale, **more)
    page, trouble = await context.new_page(), Trouble()
    page.on("console", lambda each: trouble.append(each.text) if each.type in ("error", "warning") else None)
    page.on("pageerror", lambda each: trouble.append(str(each)))
    await page.goto(address)
    await page.wait_for_selector("#who strong", state="attached")
    return page, trouble


async def test_the_buttons_of_a_tall_form_stay_in_sight(browser: Browser, address: str) -> None:
    page, trouble = await open_page(browser, address, viewport={"width": 1280, "height": 800})
    await page.fill("#composer-text", "/allant tall")
    await page.press("#composer-text", "Enter")
    submit = page.locator("dialog[open] button[type=submit]")
    await expect(submit).to_be_in_viewport(ratio=1)
    await expect(page.locator("dialog[open] h2")).to_be_in_viewport(ratio=1)
    last = page.locator("dialog[open] textarea[name=f8]")
    await last.fill("le dernier")  # What does not fit is scrolled to.
    await expect(last).to_be_in_viewport(ratio=1)
    await submit.click()
    await page.wait_for_selector("article.private:has-text('calendar add')")
    assert trouble == []


async def test_people_talk_ask_press_and_fill_in(
    browser: Browser, address: str, server: PlaygroundServer, parrot: Parrot
) -> None:
    page, trouble = await open_page(browser, address)
    other, _ = await open_page(browser, address, "en-GB")
    assert await page.inner_text("#who strong") == "Camille Laurent"
    assert await other.inner_text("#who strong") == "Hannah Whitfield"
    # People's words are shown as they are, to everybody at once.
    await page.fill("#composer-text", "<img src=x onerror=alert(1)> **pas gras**")
    await page.press("#composer-text", "Shift+Enter")
    await page.type("#composer-text", "deux lignes")
    await page.press("#composer-text", "Enter")
    await other.wait_for_selector("#messages .text")
    assert await other.inner_text("#messages .text") == "<img src=x onerror=alert(1)> **pas gras**\ndeux lignes"
    # A question is answered in its thread, with buttons.
    await page.fill("#composer-text", "@allant comment chercher ?")
    await page.press("#composer-text", "Enter")
    await page.click(".replies")
    await page.wait_for_selector("#thread .rich h2")
    await page.click("#thread button:has-text('Pas utile')")
    await page.wait_for_selector("#thread-messages article, #messages article.private")
    pressed = [event for event in parrot.heard if isinstance(event, CommandGiven)]
    assert [(event.text, event.button) for event in pressed] == [("faq not", True)]
    await page.press("#thread-composer-text", "Escape")
    assert not await page.is_visible("#thread")
    # Commands are offered, and a form that answers one opens by itself.
    await page.fill("#composer-text", "/allant fo")
    await page.wait_for_selector("#composer .offers li")
    assert await page.get_attribute("#composer-text", "aria-expanded") == "true"
    await page.press("#composer-text", "Tab")
    assert await page.input_value("#composer-text") == "/allant form"
    await page.press("#composer-text", "Enter")
    await page.fill("dialog input[name=title]", "Bonjour")
    await page.press("dialog input[name=title]", "Enter")
    await page.wait_for_selector("article.private:has-text('calendar add Bonjour')")
    assert "calendar add" not in await other.inner_text("#messages")
    # A reaction is seen by the other.
    await page.hover("#messages article >> nth=0")
    await page.click("#messages article >> nth=0 >> .actions button >> nth=0")
    await other.wait_for_selector(".reaction[aria-pressed=false]")
    assert trouble == []


async def test_a_form_shows_what_is_wrong_and_what_it_will_look_like_and_stays_open(
    browser: Browser, address: str, parrot: Parrot
) -> None:
    page, trouble = await open_page(browser, address)
    await page.fill("#composer-text", "/allant plan")
    await page.press("#composer-text", "Enter")
    dialog = page.locator("dialog.asks")
    assert await dialog.locator("input[value='#random']").is_checked()
    await dialog.locator("label:has-text('les canaux sociaux')").click()
    await dialog.locator("textarea[name=fr]").fill("Un thé")
    await dialog.locator("input[name=day]").fill("2026-11-05")
    await dialog.locator("label:has-text('vendredi')").click()
    await dialog.locator("input[name=who]").fill("@Hannah Whitfield")
    # The preview: in the form, and nothing is lost.
    await dialog.locator("button:has-text('Aperçu')").click()
    await dialog.locator(".preview strong:has-text('Un thé')").wait_for()
    assert await dialog.locator("input[name=day]").input_value() == "2026-11-05"
    # What is wrong stands at its field, which has the focus.
    await dialog.locator("button:has-text('Garder')").click()
    await dialog.locator(".wrong:has-text('Trop tôt')").wait_for()
    assert await dialog.locator("input[name=day]").get_attribute("aria-invalid") == "true"
    assert await page.evaluate("document.activeElement.name") == "day"
    assert await dialog.locator("textarea[name=fr]").input_value() == "Un thé"
    await dialog.locator("input[name=day]").fill("2026-12-05")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("article.private:has-text('day=2026-12-05')")
    assert await dialog.count() == 0
    said = await page.inner_text("article.private:has-text('day=2026-12-05') .text")
    for words in ("#random", "tag:social", "time=15:00", "days=fri", "who=@Hannah Whitfield"):
        assert words in said
    assert await page.locator("article:has-text('Trop tôt')").count() == 0
    assert trouble == []


@pytest.mark.parametrize("width", [1280, 800])
async def test_the_home_is_opened_pressed_and_left(
    browser: Browser, address: str, server: PlaygroundServer, parrot: Parrot, width: int
) -> None:
    page, trouble = await open_page(browser, address, viewport={"width": width, "height": 800})
    await page.click("[data-place=home]")
    await page.wait_for_selector("#home h2:has-text('À venir')")
    assert not await page.is_visible("#composer-text")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.click("#home button:has-text('Silence')")
    await page.wait_for_selector("#toast:has-text('me mute')")
    await page.wait_for_selector("[data-place=D-camille] .badge")
    pressed = [event for event in parrot.heard if isinstance(event, CommandGiven)]
    assert [(event.text, event.home, event.direct) for event in pressed] == [("me mute", True, True)]
    # A form that a button asks for is filled in here.
    await page.click("#home button:has-text('Plan')")
    await page.wait_for_selector("dialog.asks h2:has-text('Planifier')")
    await page.keyboard.press("Escape")
    # What the bot shows meanwhile is there at once; another person has another home.
    later = Message("", sections=(Section("## Autre chose"),))
    await parrot.say("later", MemberRef(parrot.platform.workspace, "camille"), later, verb=Verb.HOME)
    await page.wait_for_selector("#home h2:has-text('Autre chose')")
    await page.reload()
    await page.wait_for_selector("#home h2:has-text('À venir')")
    await page.click("[data-place=C-general]")
    await page.wait_for_selector("#composer-text")
    assert not await page.is_visible("#home")
    assert trouble == []


async def test_a_newcomer_is_played_and_welcomed_and_the_languages_change(
    browser: Browser, address: str, server: PlaygroundServer
) -> None:
    page, trouble = await open_page(browser, address)
    await page.click("#newcomer")
    await page.fill("dialog input[name=name]", "Léa Martin")
    await page.press("dialog input[name=name]", "Enter")
    await page.wait_for_selector("article.by-bot strong:has-text('Léa Martin')")
    assert await page.inner_text("#who strong") == "Léa Martin"
    assert await page.inner_text("#title") == "Allant"
    assert await page.get_attribute("html", "lang") == "fr"
    await page.click("[data-language=en]")
    assert await page.get_attribute("html", "lang") == "en"
    assert await page.get_attribute("#composer-text", "placeholder") == "Write to Allant"
    await page.click("#who")
    await page.fill("dialog input[type=search]", "hannah")
    await page.click("dialog .people button")
    await page.wait_for_selector("#who strong:has-text('Hannah')")
    # What is said elsewhere is marked, until it is read.
    server.say("camille", "random", "par ici")
    await page.wait_for_selector("[data-place=C-random] .badge")
    await page.click("[data-place=C-random]")
    await page.wait_for_selector("#messages .text:has-text('par ici')")
    await page.wait_for_selector("[data-place=C-random]:not(:has(.badge))")
    assert trouble == []


async def test_a_post_changes_where_it_stands(
    browser: Browser, address: str, server: PlaygroundServer, parrot: Parrot
) -> None:
    page, trouble = await open_page(browser, address)
    post = server.say("hannah", "general", "a question")
    await parrot.say("one", ChannelRef(parrot.platform.workspace, "C-general"), Message("premier"))
    await page.wait_for_selector("#messages .text:has-text('premier')")
    (said,) = [each for each in server.archive.posts("C-general") if each.author == "allant"]
    channel = ChannelRef(parrot.platform.workspace, "C-general")
    await parrot.say("two", channel, Message("second"), verb=Verb.EDIT, target=MessageRef(channel, said.id))
    await page.wait_for_selector("#messages .text:has-text('second')")
    await parrot.say("three", channel, Message("-"), verb=Verb.REACT, target=MessageRef(channel, post.id), emoji="🎉")
    await page.wait_for_selector(".reaction:has-text('🎉')")
    await parrot.say("four", channel, Message("-"), verb=Verb.WITHDRAW, target=MessageRef(channel, said.id))
    await page.wait_for_selector("#messages .deleted")
    assert trouble == []


async def hold_back(page: Page, path: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Let the server answer the next request to ``path``, but keep the answer: (answered, let it through)."""
    answered, through = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        answered.set()
        await through.wait()
        await route.fulfill(response=answer)

    await page.route(path, late, times=1)
    return answered, through


async def test_an_answer_that_comes_late_takes_nothing_newer_back(
    browser: Browser, address: str, server: PlaygroundServer, parrot: Parrot
) -> None:
    page, trouble = await open_page(browser, address)
    answered, through = await hold_back(page, "**/api/messages")
    await page.fill("#composer-text", "ma question")
    await page.press("#composer-text", "Enter")
    await answered.wait()
    # While the page waits for the answer to its own post, it hears of a reply to it, and of a later post.
    (mine,) = [each for each in server.archive.posts("C-general") if each.text == "ma question"]
    server.say("hannah", "general", "ma réponse", mine.id)
    await page.wait_for_selector("#messages .replies")
    server.say("hannah", "general", "plus tard")
    await page.wait_for_selector("#messages .text:has-text('plus tard')")
    through.set()
    await expect(page.locator("#composer-text")).to_have_value("")
    assert await page.is_visible("#messages .replies")
    # A reply that comes while the thread is read is in it.
    answered, through = await hold_back(page, "**/api/thread?*")
    await page.click("#messages .replies")
    await answered.wait()
    server.say("hannah", "general", "encore", mine.id)
    await page.wait_for_selector("#messages .replies:has-text('2')")
    through.set()
    await page.wait_for_selector("#thread-messages .text:has-text('encore')")
    assert trouble == []


async def test_everything_is_reached_by_keyboard_on_a_small_screen(browser: Browser, address: str) -> None:
    page, trouble = await open_page(browser, address, viewport={"width": 390, "height": 844}, color_scheme="dark")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "composer-text"
    await page.keyboard.type("au clavier")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#messages article")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.focus("#menu")
    await page.keyboard.press("Enter")
    assert await page.get_attribute("#menu", "aria-expanded") == "true"
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.activeElement.id") == "menu"
    # The message is reached by Tab, its actions after it.
    await page.focus("#messages article")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".reaction[aria-pressed=true]")
    assert trouble == []
