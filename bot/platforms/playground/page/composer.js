// Where people write: Enter sends, Shift+Enter begins a line, /allant and @ offer what can follow.
import { avatar, el, icon } from "./dom.js";
import { word } from "./words.js";

let count = 0;

export class Composer {
  // send(text) gives true once the server has it. offers(): {hints, people}.
  constructor(form, send, offers) {
    this.form = form;
    this.send = send;
    this.offers = offers;
    this.shown = [];
    this.chosen = -1;
    const id = form.id || `composer${(count += 1)}`;
    this.text = el("textarea", {
      id: `${id}-text`,
      rows: "1",
      maxlength: "40000",
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-offers`,
    });
    this.box = el("ul", { class: "offers", id: `${id}-offers`, role: "listbox", hidden: true });
    this.button = el("button", { type: "submit", class: "send" }, icon("send"));
    this.note = el("p", { class: "note", hidden: true });
    form.append(this.box, this.note, el("div", { class: "line" }, this.text, this.button));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.onKey(event));
    // Choosing with the mouse takes no focus away (see mousedown below), so leaving really is leaving.
    this.text.addEventListener("blur", () => this.offer([]));
  }

  // What stands in the empty box, and whether one may write; `why` says why not.
  label(placeholder, why = "") {
    this.text.placeholder = placeholder;
    this.text.setAttribute("aria-label", placeholder);
    this.button.setAttribute("aria-label", word("send"));
    this.button.title = word("send");
    this.box.setAttribute("aria-label", word("commands"));
    this.note.textContent = why;
    this.note.hidden = !why;
    this.text.disabled = this.button.disabled = Boolean(why);
  }

  focus() {
    this.text.focus();
  }

  clear() {
    this.text.value = "";
    this.changed();
  }

  async submit() {
    const text = this.text.value;
    if (!text.trim() || this.sending) return;
    this.sending = true;
    this.offer([]);
    try {
      if ((await this.send(text)) && this.text.value === text) this.clear();
    } finally {
      this.sending = false;
    }
  }

  changed() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 180)}px`;
    this.offer(this.matches());
  }

  matches() {
    const upToHere = this.text.value.slice(0, this.text.selectionStart);
    const { hints, people } = this.offers();
    const slash = /^\/(\S*)(\s+([^\n]*))?$/.exec(upToHere);
    if (slash && "allant".startsWith(slash[1].toLowerCase())) {
      const typed = (slash[3] ?? "").toLowerCase();
      return hints
        .filter((hint) => hint.command.toLowerCase().startsWith(typed) && hint.command.length >= typed.length)
        .slice(0, 40)
        .map((hint) => ({
          from: 0,
          insert: `/allant ${hint.command}${hint.arguments ? " " : ""}`,
          done: !hint.arguments,
          parts: [
            el("code", {}, `/allant ${hint.command}`, hint.arguments && el("i", {}, ` ${hint.arguments}`)),
            el("span", {}, hint.help),
          ],
        }));
    }
    const at = /(?:^|\s)@([\p{L}\p{N}_-]*)$/u.exec(upToHere);
    if (!at) return [];
    const typed = at[1].toLowerCase();
    return people
      .filter((person) => person.active && person.name.toLowerCase().split(/\s+/).some((part) => part.startsWith(typed)))
      .slice(0, 6)
      .map((person) => ({
        from: upToHere.length - at[1].length - 1,
        insert: `@${person.bot ? "allant" : person.name.split(/\s+/)[0]} `,
        parts: [avatar(person, "small"), el("span", { class: "name" }, person.name), el("span", {}, person.title)],
      }));
  }

  offer(shown) {
    this.shown = shown;
    this.chosen = -1;
    this.box.replaceChildren(
      ...shown.map((each, index) =>
        el(
          "li",
          {
            role: "option",
            id: `${this.box.id}-${index}`,
            "aria-selected": "false",
            onmousedown: (event) => {
              event.preventDefault();
              this.take(index);
            },
          },
          ...each.parts,
        ),
      ),
    );
    this.box.hidden = shown.length === 0;
    this.text.setAttribute("aria-expanded", String(shown.length > 0));
    this.text.removeAttribute("aria-activedescendant");
  }

  choose(index) {
    this.chosen = (index + this.shown.length) % this.shown.length;
    [...this.box.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === this.chosen)));
    const item = this.box.children[this.chosen];
    item.scrollIntoView({ block: "nearest" });
    this.text.setAttribute("aria-activedescendant", item.id);
  }

  take(index) {
    const each = this.shown[index];
    const after = this.text.value.slice(this.text.selectionStart);
    const before = this.text.value.slice(0, each.from) + each.insert;
    this.text.value = before + after;
    this.text.setSelectionRange(before.length, before.length);
    this.changed();
    if (each.done) this.offer([]);
    this.text.focus();
  }

  onKey(event) {
    if (event.isComposing) return;
    if (this.shown.length) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        this.choose(this.chosen < 0 && step < 0 ? this.shown.length - 1 : this.chosen + step);
        return;
      }
      if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && this.chosen >= 0)) {
        event.preventDefault();
        this.take(Math.max(this.chosen, 0));
        return;
      }
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        this.offer([]);
        return;
      }
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    }
  }
}
