// The playground's page: who plays, where they are, what they see.
import { Failed, listen, read, tried, write } from "./api.js";
import { closeBehind, openBehind } from "./behind.js";
import { Composer } from "./composer.js";
import {
  anyOpen,
  deleteDialog,
  editDialog,
  emojiPicker,
  newcomerDialog,
  pickPerson,
} from "./dialogs.js";
import { avatar, el, find, html, toast } from "./dom.js";
import { FormDialog } from "./forms.js";
import { draw as drawHome, openHome, readHome } from "./home.js";
import { MessageList } from "./messages.js";
import { errorWord, language, setLanguage, word } from "./words.js";

const NEAR = 120;
const FORM_OPENS_WITHIN = 10000;
const HOME = "home"; // what stands for a channel's id while the home is open

let me = null;
let people = new Map();
let channels = [];
let hints = [];
let now = new Date().toISOString();
let channel = null; // the id of what is open
let messages = new Map(); // of the open channel, by id
let newBelow = 0;
let unreadAfter = 0;
let thread = null; // {root, replies: Map}
let threadFrom = null;
let stopListening = () => {};
let lastAct = 0;
let asks = null; // the form that is open
let pressedAtHome = ""; // what the answer to a button of the home will name

const here = () => channels.find((each) => each.id === channel);
const world = () => ({ me, people, now, shortcuts: hints.filter((hint) => hint.shortcut) });
const byNumber = (found) => [...found.values()].sort((one, other) => one.number - other.number);

const does = {
  async press(message, button, element) {
    lastAct = Date.now();
    element.disabled = true;
    await tried(write("press", { as: me.id, message: message.id, button }));
    setTimeout(() => (element.disabled = false), 600);
  },
  react: (message, emoji, on) => tried(write("reactions", { as: me.id, message: message.id, emoji, on })),
  pickEmoji: (message, anchor) => emojiPicker(anchor, (emoji) => does.react(message, emoji, true)),
  openThread,
  openForm(message) {
    const world = () => ({ channels, people: [...people.values()].filter((each) => each.active && !each.bot) });
    asks = new FormDialog(message, world, submit, () => (asks = null));
  },
  shortcut(message, command) {
    lastAct = Date.now();
    return tried(write("shortcut", { as: me.id, message: message.id, command }));
  },
  edit: (message) => editDialog(message.text, (text) => write("edit", { as: me.id, message: message.id, text })),
  remove: (message) => deleteDialog(() => write("delete", { as: me.id, message: message.id })),
};

async function submit(post, values, button) {
  lastAct = Date.now();
  const { asked } = await write("submit", { as: me.id, message: post.id, values, button });
  // The answer may have come before this one.
  const early = recent.find((each) => each.answers === asked);
  if (early) setTimeout(() => asks?.takes(early) && hide(early));
  return asked;
}

// A form that is shown again in its dialog needs no message of its own.
const recent = [];
function hide(post) {
  messages.delete(post.id);
  drawMessages();
}

async function pressHome(section, button, element) {
  lastAct = Date.now();
  element.disabled = true;
  const pressed = await tried(write("home-press", { as: me.id, section, button }));
  pressedAtHome = pressed?.asked ?? "";
  const early = pressed && recent.find((each) => each.answers === pressedAtHome);
  if (early) answerAtHome(early);
  setTimeout(() => (element.disabled = false), 600);
}

const offers = () => ({ hints, people: [...people.values()] });
const list = new MessageList(find("messages"), world, does);
const threadList = new MessageList(find("thread-messages"), world, does, { inThread: true });
const composer = new Composer(find("composer"), (text) => say(text, null), offers);
const threadComposer = new Composer(find("thread-composer"), (text) => say(text, thread?.root.id ?? null), offers);
const scroll = find("scroll");

async function say(text, inThread) {
  lastAct = Date.now();
  const asked = write("messages", { as: me.id, channel, text, thread: inThread ?? "" });
  const said = await asOfNow(asked, (answer) => [answer.message]);
  if (!said) return false;
  take(said.posts, inThread === null);
  return true;
}

// What a request answers may be older than what the server told meanwhile: then the newer one holds.
const asking = new Set();
async function asOfNow(request, postsOf) {
  const told = new Map();
  asking.add(told);
  const answer = await tried(request);
  asking.delete(told);
  if (!answer) return undefined;
  return { answer, told, posts: postsOf(answer).map((post) => told.get(post.id) ?? post) };
}

// Who and where

async function loadState() {
  const state = await read("state", { as: me?.id, language: language() });
  const before = new Map(channels.map((each) => [each.id, each]));
  me = state.me;
  people = new Map(state.people.map((person) => [person.id, person]));
  // What is open is being read: its mark does not come back while the server hears of it.
  channels = state.channels.map((each) =>
    each.id === channel && before.has(channel) && !document.hidden ? { ...each, unread: 0 } : each,
  );
  hints = state.hints;
  now = state.now;
  find("behind-open").hidden = !state.status;
  drawPlaces();
}

async function play(person) {
  sessionStorage.setItem("as", person.id);
  me = person;
  stopListening();
  closeThread();
  messages = new Map();
  await loadState();
  if (!here() && channel !== HOME) channel = null;
  label();
  await openChannel(channel ?? fromHash() ?? firstChannel());
  stopListening = listen(
    me.id,
    onChange,
    () => (find("lost").hidden = true),
    () => (find("lost").hidden = false),
  );
}

function firstChannel() {
  return (channels.find((each) => !each.direct && each.member) ?? channels[0])?.id;
}

function fromHash() {
  if (location.hash === "#home") return HOME;
  const match = /^#channel\/(.+)$/.exec(location.hash);
  const wanted = match ? decodeURIComponent(match[1]) : "";
  return channels.find((each) => each.id === wanted)?.id ?? null;
}

async function openChannel(id) {
  if (!id) return;
  if (channel !== id) closeThread();
  channel = id;
  const home = id === HOME;
  find("home").hidden = !home;
  for (const each of ["scroll", "composer"]) find(each).hidden = home;
  if (home) {
    messages = new Map();
    newBelow = 0;
    if (location.hash !== "#home") history.pushState(null, "", "#home");
    closeSide();
    label();
    await openHome(me, pressHome);
    return;
  }
  const place = here();
  unreadAfter = place.unread ? place.read : 0;
  messages = new Map();
  newBelow = 0;
  const hash = `#channel/${encodeURIComponent(id)}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  closeSide();
  composer.clear();
  label();
  const found = await asOfNow(read("messages", { as: me.id, channel: id }), (answer) => answer.messages);
  if (!found || channel !== id) return;
  for (const message of found.posts) messages.set(message.id, message);
  if (found.answer.more) {
    // An older one that changed while this was read would stand above a hole.
    for (const each of byNumber(messages)) if (each.number < found.posts[0].number) messages.delete(each.id);
  }
  find("older").hidden = !found.answer.more;
  drawMessages();
  toEnd();
  markRead();
}

async function loadOlder() {
  const oldest = byNumber(messages)[0];
  if (!oldest) return;
  const id = channel;
  const asked = read("messages", { as: me.id, channel, before: oldest.number });
  const found = await asOfNow(asked, (answer) => answer.messages);
  if (!found || channel !== id) return;
  const height = scroll.scrollHeight - scroll.scrollTop;
  for (const message of found.posts) messages.set(message.id, message);
  find("older").hidden = !found.answer.more;
  drawMessages();
  scroll.scrollTop = scroll.scrollHeight - height;
  document.querySelector(`[data-message="${CSS.escape(oldest.id)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  await loadState();
  if (channel === HOME) {
    await readHome(me, pressHome);
    return;
  }
  const id = channel;
  const found = await asOfNow(read("messages", { as: me.id, channel }), (answer) => answer.messages);
  if (!found || channel !== id) return;
  // After a long silence the latest messages may not join on to those shown: then they replace them.
  const newest = byNumber(messages).at(-1)?.number ?? 0;
  if (found.answer.more && found.posts[0].number > newest) {
    messages = new Map();
    find("older").hidden = false;
  }
  take(found.posts);
  if (thread) openThread(thread.root, false);
}

// What changes

let stateTimer = 0;
function onChange(told) {
  now = told.now;
  if (told.refresh) tried(refresh());
  for (const since of asking) for (const post of told.posts ?? []) since.set(post.id, post);
  if (told.posts?.length) take(told.posts);
  if (told.home && channel === HOME) readHome(me, pressHome);
  if (told.state) {
    clearTimeout(stateTimer);
    stateTimer = setTimeout(loadState, 250);
  }
}

// Take in messages as they are now. mine: the person just wrote, and wants to see it.
function take(posts, mine = false) {
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  // What is shown has no holes: a post after the oldest belongs there, also when a newer one came first.
  const oldest = byNumber(messages)[0]?.number ?? 0;
  const fresh = [];
  for (const post of posts) {
    if (post.answers) recent.splice(0, recent.length > 50 ? 1 : 0), recent.push(post);
    if (asks?.takes(post)) continue;
    if (post.answers && post.answers === pressedAtHome) answerAtHome(post);
    if (thread && post.channel === channel && post.id === thread.root.id) thread.root = post;
    if (thread && post.thread === thread.root.id) {
      if (!thread.replies.has(post.id) && post.author !== me.id) fresh.push(post);
      thread.replies.set(post.id, post);
    }
    if (post.thread) continue;
    if (post.channel === channel && (messages.has(post.id) || post.number > oldest)) {
      if (!messages.has(post.id) && post.author !== me.id) fresh.push(post);
      messages.set(post.id, post);
    } else if (post.channel !== channel && !post.deleted) countUnread(post);
  }
  drawMessages();
  if (thread) drawThread();
  announce(fresh);
  openNewForm(fresh);
  if (mine || atEnd) toEnd();
  else {
    newBelow += fresh.filter((post) => !post.thread).length;
    drawLatest();
  }
  if (mine || (atEnd && fresh.length)) markRead();
}

// A button of the home is answered in the conversation with the bot: told here as well, or filled in here.
function answerAtHome(post) {
  pressedAtHome = "";
  if (channel !== HOME) return;
  if (post.form && !anyOpen()) does.openForm(post);
  else if (!post.form) toast(html(post.html ?? "", "").textContent.trim().slice(0, 240));
}

const counted = new Map();
function countUnread(post) {
  const place = channels.find((each) => each.id === post.channel);
  if (!place?.member || post.author === me.id || post.command) return;
  if (post.number <= Math.max(place.read, counted.get(post.channel) ?? 0) || post.edited) return;
  // A reaction makes an old message come again: only one that is newer than all seen so far is news.
  counted.set(post.channel, post.number);
  clearTimeout(stateTimer);
  stateTimer = setTimeout(loadState, 150);
}

let announced = 0;
function announce(posts) {
  const last = posts.at(-1);
  if (!last || Date.now() - announced < 1500) return;
  announced = Date.now();
  const name = people.get(last.author)?.name ?? "";
  const said = document.querySelector(`[data-message="${CSS.escape(last.id)}"] .text`)?.textContent ?? "";
  find("announcer").textContent = `${name} : ${said.trim().slice(0, 200)}`;
}

// A form that answers what the person just did opens by itself.
function openNewForm(posts) {
  const asked = posts.find((post) => post.form && (post.private || here()?.direct));
  if (asked && Date.now() - lastAct < FORM_OPENS_WITHIN && !anyOpen()) does.openForm(asked);
}

let readTimer = 0;
function markRead() {
  const place = here();
  if (!place?.member || document.hidden) return;
  const last = byNumber(messages).at(-1)?.number ?? 0;
  place.unread = 0;
  drawPlaces();
  clearTimeout(readTimer);
  if (last <= place.read) return;
  const as = me.id;
  readTimer = setTimeout(() => {
    place.read = Math.max(place.read, last);
    write("read", { as, channel: place.id, number: last }).catch(() => {});
  }, 400);
}

// Drawing

function drawPlaces() {
  const item = (place) => {
    const name = place.direct ? "Allant" : place.name;
    const sign = place.direct ? avatar(people.get("allant"), "small") : el("span", { class: "hash", "aria-hidden": "true" }, "#");
    const unread = place.unread > 0 && place.id !== channel;
    return el(
      "li",
      {},
      el(
        "a",
        {
          href: `#channel/${encodeURIComponent(place.id)}`,
          class: [unread && "unread", !place.member && "outside"].filter(Boolean).join(" "),
          "aria-current": place.id === channel ? "page" : undefined,
          "data-place": place.id,
        },
        sign,
        el("span", { class: "name" }, name),
        unread && el("span", { class: "badge", "aria-label": word("unread", { count: place.unread }) }, String(Math.min(place.unread, 99))),
      ),
    );
  };
  const focused = document.activeElement?.dataset?.place;
  const current = channel === HOME ? "page" : undefined;
  const sign = el("span", { class: "hash", "aria-hidden": "true" }, "⌂");
  const link = { href: "#home", "aria-current": current, "data-place": HOME };
  find("homes").replaceChildren(el("li", {}, el("a", link, sign, el("span", { class: "name" }, word("home")))));
  find("directs").replaceChildren(...channels.filter((each) => each.direct).map(item));
  find("channels").replaceChildren(...channels.filter((each) => !each.direct).map(item));
  if (focused) document.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  const total = channels.reduce((sum, each) => sum + (each.id === channel ? 0 : each.unread), 0);
  const open = channel === HOME ? `${word("home")} · ` : "";
  document.title = `${total ? `(${total}) ` : ""}${open}${here() ? `${here().direct ? "Allant" : `#${here().name}`} · ` : ""}Allant`;
  const who = find("who");
  who.setAttribute("aria-label", word("who_now", { name: me.name }));
  who.replaceChildren(
    avatar(me),
    el("span", { class: "about" }, el("strong", {}, me.name), el("small", {}, describe(me))),
  );
  drawTop();
}

function describe(person) {
  const roles = ["admin", "animator", "manager", "guest"].filter((role) => person[role]).map((role) => word(role));
  return [...roles, person.title].filter(Boolean).join(" · ") || word("you");
}

function drawTop() {
  if (channel === HOME) {
    find("title").textContent = word("home");
    find("about").textContent = word("home_about");
    find("membership").hidden = true;
    return;
  }
  const place = here();
  if (!place) return;
  find("title").textContent = place.direct ? "Allant" : `# ${place.name}`;
  const about = place.direct ? word("about_direct") : (place.about[language()] ?? "");
  const size = place.direct ? "" : word("members", { count: place.members });
  find("about").textContent = [size, about].filter(Boolean).join(" · ");
  const membership = find("membership");
  membership.hidden = place.direct || place.archived;
  membership.textContent = place.member ? word("leave") : word("join");
  membership.classList.toggle("primary", !place.member);
  let why = "";
  if (place.archived) why = word("archived");
  else if (!place.member) why = word("join_first");
  else if (place.one_way && !me.animator && !me.admin) why = word("one_way");
  composer.label(place.direct ? word("composer_direct") : word("composer_channel", { channel: place.name }), why);
  threadComposer.label(word("composer_thread"), place.archived ? word("archived") : place.member ? "" : word("join_first"));
}

function drawMessages() {
  const shown = byNumber(messages);
  list.show(shown, unreadAfter);
  find("empty").hidden = shown.length > 0;
}

function drawLatest() {
  const button = find("latest");
  button.hidden = newBelow === 0;
  button.textContent = word("latest", { count: newBelow });
}

// A message taller than what can be seen is read from its beginning.
function scrollToEnd(box, list) {
  box.scrollTop = box.scrollHeight;
  const last = list.articles().at(-1);
  if (last && last.offsetHeight > box.clientHeight - 40)
    box.scrollTop += last.getBoundingClientRect().top - box.getBoundingClientRect().top;
}

function toEnd() {
  scrollToEnd(scroll, list);
  newBelow = 0;
  drawLatest();
}

function label() {
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  if (!me) return;
  drawPlaces();
  drawMessages();
  drawLatest();
  if (channel === HOME) drawHome(me, pressHome);
  if (thread) drawThread();
}

// The thread beside

async function openThread(root, focus = true) {
  const asked = read("thread", { as: me.id, message: root.id });
  const found = await asOfNow(asked, (answer) => [answer.root, ...answer.replies]);
  if (!found) return;
  if (focus) {
    threadFrom = document.activeElement;
    closeBehindPane();
  }
  const [first, ...replies] = found.posts;
  const late = [...found.told.values()].filter((post) => post.thread === first.id);
  thread = { root: first, replies: new Map([...replies, ...late].map((reply) => [reply.id, reply])) };
  find("thread").hidden = false;
  find("app").classList.add("beside");
  drawTop();
  drawThread(true);
  if (focus) threadComposer.focus();
}

function drawThread(toTheEnd = false) {
  const box = find("thread-messages").parentElement;
  const atEnd = toTheEnd || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  threadList.show([thread.root, ...byNumber(thread.replies)]);
  if (atEnd) scrollToEnd(box, threadList);
}

function closeThread() {
  if (!thread) return;
  thread = null;
  find("thread").hidden = true;
  find("app").classList.remove("beside");
  threadComposer.clear();
  if (threadFrom?.isConnected) threadFrom.focus();
  threadFrom = null;
}

// Behind the scenes

function openBehindPane() {
  closeThread();
  find("behind").hidden = false;
  find("app").classList.add("beside");
  find("behind-open").setAttribute("aria-expanded", "true");
  openBehind(world);
}

function closeBehindPane() {
  if (find("behind").hidden) return;
  closeBehind();
  find("behind").hidden = true;
  find("app").classList.remove("beside");
  find("behind-open").setAttribute("aria-expanded", "false");
}

// The navigation on small screens

function openSide() {
  find("app").classList.add("navigating");
  find("veil").hidden = false;
  find("menu").setAttribute("aria-expanded", "true");
  find("side").querySelector("a[aria-current], a")?.focus();
}

function closeSide() {
  if (!find("app").classList.contains("navigating")) return;
  find("app").classList.remove("navigating");
  find("veil").hidden = true;
  find("menu").setAttribute("aria-expanded", "false");
  find("menu").focus();
}

// What is pressed

find("skip").addEventListener("click", (event) => {
  event.preventDefault();
  composer.focus();
});
find("menu").addEventListener("click", openSide);
find("close-side").addEventListener("click", closeSide);
find("veil").addEventListener("click", closeSide);
find("older").addEventListener("click", loadOlder);
find("latest").addEventListener("click", () => {
  toEnd();
  markRead();
});
find("thread-close").addEventListener("click", closeThread);
find("behind-open").addEventListener("click", () => (find("behind").hidden ? openBehindPane() : closeBehindPane()));
find("behind-close").addEventListener("click", () => {
  closeBehindPane();
  find("behind-open").focus();
});
find("who").addEventListener("click", () =>
  pickPerson(
    [...people.values()].filter((person) => person.active && !person.bot),
    me,
    play,
  ),
);
find("newcomer").addEventListener("click", arrive);
find("membership").addEventListener("click", async () => {
  const place = here();
  await tried(write(place.member ? "quit" : "join", { as: me.id, channel: place.id }));
  await tried(loadState());
});
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", async () => {
    setLanguage(button.dataset.language);
    localStorage.setItem("language", language());
    label();
    if (me) await tried(loadState());
    if (!find("behind").hidden) openBehind(world);
  });

scroll.addEventListener("scroll", () => {
  if (newBelow && scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR) {
    newBelow = 0;
    drawLatest();
    markRead();
  }
});
window.addEventListener("hashchange", () => {
  const wanted = fromHash();
  if (wanted && wanted !== channel) openChannel(wanted);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (!link) return;
  if (link.getAttribute("href").startsWith("#person/")) event.preventDefault();
  else if (link.dataset.place === channel) closeSide();
});
document.addEventListener("visibilitychange", () => !document.hidden && me && markRead());
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || anyOpen() || document.querySelector(":popover-open")) return;
  if (find("app").classList.contains("navigating")) closeSide();
  else if (thread) closeThread();
  else if (!find("behind").hidden) {
    closeBehindPane();
    find("behind-open").focus();
  }
});

function arrive() {
  newcomerDialog(async (person) => {
    const arrived = await write("people", person);
    people.set(arrived.person.id, arrived.person);
    await play(arrived.person);
    // What a newcomer sees first is what the bot writes to them.
    await openChannel(channels.find((each) => each.direct).id);
    setTimeout(() => composer.focus());
  });
}

async function start() {
  setLanguage(localStorage.getItem("language") ?? (navigator.language.startsWith("en") ? "en" : "fr"));
  label();
  const wanted = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem("as");
  let state;
  try {
    const anybody = () => read("state", { language: language() });
    state = wanted ? await read("state", { as: wanted }).catch(anybody) : await anybody();
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    if (error.code === "nobody") arrive();
    else toast(errorWord(error.code));
    return;
  }
  channels = state.channels;
  await play(state.me);
}

start();
