// A list of messages: kept by key, so that only what changed is drawn anew and nobody loses their place.
import { avatar, el, html, icon, tied } from "./dom.js";
import { language, word } from "./words.js";

export const EMOJI = ["👍", "❤️", "🎉", "😄", "🙏", "👏", "🚀", "👀"];
const TOGETHER = 5 * 60 * 1000;

export function clock(moment, zone) {
  return new Intl.DateTimeFormat(language() === "fr" ? "fr-FR" : "en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(
    new Date(moment),
  );
}

function dayOf(moment, zone) {
  return new Intl.DateTimeFormat("sv", { timeZone: zone }).format(new Date(moment));
}

export function dayName(moment, zone, now) {
  const day = dayOf(moment, zone);
  if (day === dayOf(now, zone)) return word("today");
  if (day === dayOf(new Date(now).getTime() - 86400000, zone)) return word("yesterday");
  const year = day.slice(0, 4) === dayOf(now, zone).slice(0, 4) ? undefined : "numeric";
  const form = { weekday: "long", day: "numeric", month: "long", year, timeZone: zone };
  const name = new Intl.DateTimeFormat(language() === "fr" ? "fr-FR" : "en-GB", form).format(new Date(moment));
  return name.charAt(0).toUpperCase() + name.slice(1);
}

// People's words: plain text, in which addresses become links and names after @ stand out.
function said(raw) {
  const text = tied(raw);
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)]|(?<![\p{L}\p{N}@])@[\p{L}\p{N}_-]+/gu)) {
    parts.push(text.slice(last, match.index));
    parts.push(
      match[0].startsWith("@")
        ? el("span", { class: "mention" }, match[0])
        : el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer" }, match[0]),
    );
    last = match.index + match[0].length;
  }
  return el("div", { class: "text" }, ...parts, text.slice(last));
}

export class MessageList {
  // world: () => ({me, people, now}); does: what the buttons call. inThread: no thread buttons.
  constructor(list, world, does, { inThread = false } = {}) {
    this.list = list;
    this.world = world;
    this.does = does;
    this.inThread = inThread;
    this.drawn = new Map();
    this.active = null;
    list.addEventListener("keydown", (event) => this.onKey(event));
    list.addEventListener("focusin", (event) => {
      const article = event.target.closest("article");
      if (article) this.activate(article);
    });
  }

  // Show these messages. unreadAfter: draw a line before the first with a greater number (0: none).
  show(messages, unreadAfter = 0) {
    const wanted = [];
    const { me, now } = this.world();
    let before = null;
    let lined = !unreadAfter;
    for (const message of messages) {
      if (!before || dayOf(before.at, me.zone) !== dayOf(message.at, me.zone)) {
        const name = dayName(message.at, me.zone, now);
        wanted.push([`day ${dayOf(message.at, me.zone)} ${name}`, () => this.separator(name, "day")]);
        before = null;
      }
      if (!lined && message.number > unreadAfter && message.author !== me.id) {
        lined = true;
        wanted.push([`new ${language()}`, () => this.separator(word("new"), "new")]);
        before = null;
      }
      const compact =
        before !== null &&
        before.author === message.author &&
        before.private === message.private &&
        !before.replies &&
        new Date(message.at) - new Date(before.at) < TOGETHER;
      const author = this.world().people.get(message.author);
      const sign = JSON.stringify([message, compact, language(), me.id, me.zone, author?.active]);
      wanted.push([`message ${message.id}`, () => this.item(message, compact, author), sign]);
      before = message;
    }
    this.reconcile(wanted);
  }

  reconcile(wanted) {
    const focused = document.activeElement?.closest?.("[data-focus]");
    const focusKey = focused && this.list.contains(focused) ? focused.dataset.focus : null;
    const kept = new Map();
    let next = this.list.firstChild;
    for (const [key, make, sign = key] of wanted) {
      const old = this.drawn.get(key);
      const entry = old && old.sign === sign ? old : { sign, node: make() };
      if (old && old !== entry) {
        if (next === old.node) next = old.node.nextSibling;
        old.node.replaceWith(entry.node);
        if (entry.node.nextSibling !== next) this.list.insertBefore(entry.node, next);
      } else if (entry.node !== next) this.list.insertBefore(entry.node, next);
      else next = next.nextSibling;
      kept.set(key, entry);
    }
    for (const [key, entry] of this.drawn) if (!kept.has(key)) entry.node.remove();
    this.drawn = kept;
    if (!this.active?.isConnected) this.activate(this.articles().at(-1));
    if (focusKey && !document.activeElement?.dataset?.focus)
      this.list.querySelector(`[data-focus="${CSS.escape(focusKey)}"]`)?.focus();
  }

  separator(text, kind) {
    return el("li", { class: `line ${kind}` }, el("span", {}, text));
  }

  item(message, compact, author) {
    const { me } = this.world();
    const name = author?.name ?? message.author;
    const time = clock(message.at, me.zone);
    const article = el("article", {
      class: [
        compact && "compact",
        message.private && "private",
        author?.bot && "by-bot",
        message.deleted && "gone",
      ]
        .filter(Boolean)
        .join(" "),
      tabindex: "-1",
      "data-focus": message.id,
      "data-message": message.id,
      "aria-label": `${name}, ${time}`,
    });
    article.append(
      compact ? el("time", { class: "beside", datetime: message.at, "aria-hidden": "true" }, time) : avatar(author),
      el("div", { class: "body" }, ...this.body(message, compact, author, name, time)),
    );
    if (!message.deleted) article.append(this.actions(message));
    return el("li", {}, article);
  }

  body(message, compact, author, name, time) {
    const parts = [];
    if (!compact) {
      parts.push(
        el(
          "p",
          { class: "byline" },
          el("strong", {}, name),
          author?.bot && el("span", { class: "tag" }, word("bot")),
          author?.guest && el("span", { class: "tag" }, word("guest")),
          author?.animator && el("span", { class: "tag" }, word("animator")),
          el("time", { datetime: message.at }, time),
        ),
      );
    }
    if (message.private && !message.direct) parts.push(el("p", { class: "only" }, word("only_you")));
    if (message.deleted) parts.push(el("p", { class: "text deleted" }, word("deleted")));
    else if (message.command) parts.push(el("p", { class: "text" }, el("code", {}, message.text)));
    else {
      const text = message.html === undefined ? said(message.text) : html(message.html, "text rich");
      if (author && !author.bot) text.lang = author.language;
      if (message.edited) text.append(el("span", { class: "edited" }, ` (${word("edited")})`));
      parts.push(text);
      if (message.images?.length || message.files?.length) parts.push(this.attached(message));
    }
    if (message.buttons.length || message.form) parts.push(this.buttons(message));
    if (message.reactions.length) parts.push(this.reactions(message));
    if (message.replies && !this.inThread) parts.push(this.replies(message));
    return parts;
  }

  // Pictures, which open larger, and files to keep. Each is asked for as whoever looks at the page.
  attached(message) {
    const at = (kind, number) =>
      `api/${kind}?${new URLSearchParams({ as: this.world().me.id, message: message.id, number })}`;
    const box = el("div", { class: "attached" });
    message.images.forEach(({ alt, width, height }, number) =>
      box.append(
        el(
          "a",
          { href: at("image", number), target: "_blank", rel: "noopener" },
          el("img", { src: at("image", number), alt, width, height, loading: "lazy" }),
        ),
      ),
    );
    message.files.forEach(({ name }, number) =>
      box.append(el("a", { class: "file", href: at("file", number), download: name }, `📄 ${name}`)),
    );
    return box;
  }

  buttons(message) {
    const box = el("div", { class: "buttons" });
    message.buttons.forEach((button, index) =>
      box.append(
        el(
          "button",
          {
            type: "button",
            class: `choice ${button.style}`,
            "data-focus": `${message.id} ${index}`,
            onclick: (event) => this.does.press(message, index, event.currentTarget),
          },
          button.label,
        ),
      ),
    );
    if (message.form)
      box.append(
        el(
          "button",
          {
            type: "button",
            class: "choice primary",
            "aria-haspopup": "dialog",
            "data-focus": `${message.id} form`,
            onclick: () => this.does.openForm(message),
          },
          word("fill_in", { title: message.form.title }),
        ),
      );
    return box;
  }

  reactions(message) {
    const box = el("div", { class: "reactions" });
    for (const each of message.reactions) {
      const label = word("reactions_of", { emoji: each.emoji, people: each.people.join(", ") });
      box.append(
        el(
          "button",
          {
            type: "button",
            class: "reaction",
            "aria-pressed": String(each.mine),
            "aria-label": `${label} (${each.count})`,
            title: label,
            "data-focus": `${message.id} ${each.emoji}`,
            onclick: () => this.does.react(message, each.emoji, !each.mine),
          },
          `${each.emoji} `,
          el("span", {}, String(each.count)),
        ),
      );
    }
    return box;
  }

  replies(message) {
    const time = clock(message.replies.at, this.world().me.zone);
    return el(
      "button",
      {
        type: "button",
        class: "replies",
        "data-focus": `${message.id} replies`,
        onclick: () => this.does.openThread(message),
      },
      el("strong", {}, word("replies", { count: message.replies.count })),
      el("span", {}, word("reply_last", { time })),
    );
  }

  actions(message) {
    const mine = message.author === this.world().me.id && !message.command;
    const make = (name, label, run, popup) =>
      el(
        "button",
        { type: "button", "aria-label": label, title: label, "aria-haspopup": popup, onclick: run },
        typeof name === "string" && name.length > 2 ? icon(name) : name,
      );
    return el(
      "div",
      { class: "actions" },
      make("👍", word("react_with", { emoji: "👍" }), () => this.does.react(message, "👍", true)),
      make("smile", word("add_reaction"), (event) => this.does.pickEmoji(message, event.currentTarget), "true"),
      !this.inThread && !message.private && make("reply", word("reply"), () => this.does.openThread(message)),
      ...(message.deleted || message.command ? [] : this.world().shortcuts).map(({ command, shortcut }) =>
        make("book", shortcut, () => this.does.shortcut(message, command), "dialog"),
      ),
      mine && make("edit", word("edit"), () => this.does.edit(message), "dialog"),
      mine && make("bin", word("delete"), () => this.does.remove(message), "dialog"),
    );
  }

  // Keyboard: one message is reached by Tab, arrows go from one to the next, its actions follow by Tab.
  articles() {
    return [...this.list.querySelectorAll("article")];
  }

  activate(article) {
    if (this.active && this.active !== article) {
      this.active.tabIndex = -1;
      this.active.classList.remove("active");
    }
    this.active = article ?? null;
    if (article) {
      article.tabIndex = 0;
      article.classList.add("active");
    }
  }

  onKey(event) {
    if (event.target !== this.active) return;
    const articles = this.articles();
    const at = articles.indexOf(this.active);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: articles.length - 1 }[event.key];
    if (to === undefined || !articles[to]) return;
    event.preventDefault();
    articles[to].focus();
    articles[to].scrollIntoView({ block: "nearest" });
  }
}
