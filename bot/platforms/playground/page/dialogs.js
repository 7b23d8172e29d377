// Dialogs: the browser's own <dialog>, which keeps the focus inside, closes on Escape and gives the focus back.
import { Failed } from "./api.js";
import { avatar, el } from "./dom.js";
import { errorWord, word } from "./words.js";
import { EMOJI } from "./messages.js";

// A dialog with a form. onSubmit may throw Failed: its reason is shown and the dialog stays open.
function formDialog(title, parts, submit, onSubmit, style = "primary") {
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  const cancel = el("button", { type: "button", class: "choice", onclick: () => dialog.close() }, word("cancel"));
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "dialog-title" }, title),
    // Only these scroll: what the form is, what is wrong with it and its buttons stay in sight.
    ...(parts.length ? [el("div", { class: "fields" }, ...parts)] : []),
    problem,
    el("div", { class: "ends" }, cancel, el("button", { type: "submit", class: `choice ${style}` }, submit)),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await onSubmit(form);
      dialog.close();
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      problem.textContent = errorWord(error.code);
      problem.hidden = false;
    }
  });
  dialog.append(form);
  open(dialog);
  return dialog;
}

function open(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

export const anyOpen = () => document.querySelector("dialog[open]") !== null;

export function personTags(person) {
  return ["admin", "animator", "manager", "guest"]
    .filter((role) => person[role])
    .map((role) => el("span", { class: `tag ${role}` }, word(role)));
}

export function pickPerson(people, me, onPick) {
  const list = el("ul", { class: "people" });
  const none = el("p", { class: "note", hidden: true }, word("nobody_found"));
  const search = el("input", { type: "search", "aria-label": word("find_person"), placeholder: word("find_person") });
  const dialog = el("dialog", { class: "dialog wide", "aria-labelledby": "dialog-title" });
  const button = (person) =>
    el(
      "button",
      {
        type: "button",
        "aria-current": person.id === me?.id ? "true" : undefined,
        onclick: () => {
          dialog.close();
          onPick(person);
        },
      },
      avatar(person),
      el("span", { class: "about" }, el("strong", {}, person.name), el("small", {}, person.title)),
      ...personTags(person),
      el("span", { class: "code", lang: person.language }, person.language.toUpperCase()),
    );
  const draw = () => {
    const wanted = search.value.trim().toLowerCase();
    const shown = people.filter((each) => `${each.name} ${each.title}`.toLowerCase().includes(wanted));
    list.replaceChildren(...shown.map((person) => el("li", {}, button(person))));
    none.hidden = shown.length > 0;
  };
  search.addEventListener("input", draw);
  draw();
  const close = el("button", { type: "button", class: "choice", onclick: () => dialog.close() }, word("close"));
  const title = el("h2", { id: "dialog-title" }, word("who_title"));
  dialog.append(el("div", { class: "picker" }, title, search, none, list, el("div", { class: "ends" }, close)));
  open(dialog);
  search.focus();
}

function labelled(text, input, required = false) {
  return el("label", { class: "field" }, el("span", {}, text, required && el("i", { "aria-hidden": "true" }, " *")), input);
}

export function newcomerDialog(onArrive) {
  const name = el("input", { name: "name", required: true, maxlength: "80" });
  const language = el(
    "select",
    { name: "language" },
    el("option", { value: "fr", lang: "fr" }, "Français"),
    el("option", { value: "en", lang: "en" }, "English"),
  );
  const zones = ["Europe/Paris", "Europe/London", "Europe/Berlin", "America/Montreal", "America/New_York", "Asia/Tokyo"];
  const zone = el("select", { name: "zone" }, ...zones.map((each) => el("option", { value: each }, each)));
  const guest = el("input", { type: "checkbox", name: "guest" });
  const manager = el("input", { type: "checkbox", name: "manager" });
  formDialog(
    word("newcomer_title"),
    [
      labelled(word("name"), name, true),
      labelled(word("person_language"), language),
      labelled(word("person_zone"), zone),
      el("label", { class: "tick" }, guest, el("span", {}, word("is_guest"))),
      el("label", { class: "tick" }, manager, el("span", {}, word("is_manager"))),
    ],
    word("arrive"),
    () =>
      onArrive({
        name: name.value,
        language: language.value,
        zone: zone.value,
        guest: guest.checked,
        manager: manager.checked,
      }),
  );
}

export function editDialog(text, onSave) {
  const input = el("textarea", { rows: "4", maxlength: "40000", required: true, "aria-label": word("edit_title") });
  input.value = text;
  formDialog(word("edit_title"), [input], word("save"), () => onSave(input.value));
}

export function deleteDialog(onDelete) {
  formDialog(word("delete_sure"), [], word("delete"), onDelete, "danger");
}

// The emoji beside a message; Escape or a click elsewhere closes it.
export function emojiPicker(anchor, onPick) {
  const box = el("div", { class: "emoji", popover: "auto", "aria-label": word("add_reaction"), role: "group" });
  for (const emoji of EMOJI)
    box.append(
      el(
        "button",
        {
          type: "button",
          "aria-label": word("react_with", { emoji }),
          onclick: () => {
            box.hidePopover();
            onPick(emoji);
          },
        },
        emoji,
      ),
    );
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = [...box.children].indexOf(document.activeElement);
    box.children[(at + step + box.children.length) % box.children.length].focus();
  });
  box.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      box.remove();
      if (document.activeElement === document.body) anchor.focus();
    }
  });
  document.body.append(box);
  const place = anchor.getBoundingClientRect();
  box.showPopover();
  const width = box.offsetWidth;
  box.style.left = `${Math.max(8, Math.min(place.right - width, innerWidth - width - 8))}px`;
  box.style.top = `${place.bottom + box.offsetHeight + 8 > innerHeight ? place.top - box.offsetHeight - 6 : place.bottom + 6}px`;
  box.firstChild.focus();
}
