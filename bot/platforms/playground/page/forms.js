// Forms that the bot sends. One stays open while the bot answers with the form again, and closes with any other answer.
import { Failed } from "./api.js";
import { el, html } from "./dom.js";
import { errorWord, word } from "./words.js";

const PATIENCE = 15000;
const MOMENT = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}/;
let count = 0;

const split = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

// One input: what is drawn, how its value is read, and what to focus.
function inputFor(field, world) {
  const id = `field${(count += 1)}`;
  const described = [field.help && `${id}-help`, field.error && `${id}-error`].filter(Boolean).join(" ");
  const common = {
    id,
    name: field.name,
    required: field.required,
    "aria-describedby": described || undefined,
    "aria-invalid": field.error ? "true" : undefined,
  };
  const made = (INPUTS[field.kind] ?? INPUTS.line)(field, common, world);
  const label = [field.label, field.required && el("i", { "aria-hidden": "true" }, " *")];
  const parts = [
    made.group ? el("legend", {}, ...label) : el("label", { for: id }, ...label),
    field.help && el("small", { id: `${id}-help` }, field.help),
    made.element,
    field.error && el("small", { id: `${id}-error`, class: "wrong" }, field.error),
  ];
  const box = el(made.group ? "fieldset" : "div", { class: `field of-${field.kind}` }, ...parts);
  return { field, box, value: made.value, focus: made.focus ?? made.element };
}

function simple(tag, attributes, value) {
  const element = el(tag, attributes);
  element.value = value;
  return { element, value: () => element.value };
}

const INPUTS = {
  line: (field, common) => simple("input", { ...common, maxlength: "10000" }, field.value),
  text: (field, common) => simple("textarea", { ...common, rows: "6", maxlength: "10000" }, field.value),
  date: (field, common) => simple("input", { ...common, type: "date" }, field.value),
  time: (field, common) => simple("input", { ...common, type: "time" }, field.value),
  moment(field, common) {
    // What was typed elsewhere and is no moment stays as it was typed.
    if (field.value && !MOMENT.test(field.value)) return INPUTS.line(field, common);
    const made = simple("input", { ...common, type: "datetime-local" }, field.value.slice(0, 16).replace(" ", "T"));
    return { ...made, value: () => made.element.value.replace("T", " ") };
  },
  choice(field, common) {
    const choices = field.required || field.choices.some(([value]) => !value) ? field.choices : [["", "–"], ...field.choices];
    const select = el("select", common, ...choices.map(([value, label]) => el("option", { value }, label)));
    if (choices.some(([value]) => value === field.value)) select.value = field.value;
    return { element: select, value: () => select.value };
  },
  choices(field, common) {
    const held = new Set(split(field.value));
    return ticks(field.choices.map(([value, label]) => [value, label, held.has(value)]), common);
  },
  channels(field, common, world) {
    const held = split(field.value);
    const names = world.channels.filter((each) => !each.direct && !each.archived).map((each) => `#${each.name}`);
    const offered = [...names.map((name) => [name, name]), ...field.choices];
    const known = new Set(offered.map(([value]) => value.toLowerCase()));
    // What the form holds and nobody offers is shown as well, so that saving loses nothing.
    for (const each of held) if (!known.has(each.toLowerCase())) offered.push([each, each]);
    const picked = new Set(held.map((each) => each.toLowerCase()));
    const rows = offered.map(([value, label]) => [value, label, picked.has(value.toLowerCase())]);
    rows.sort((one, other) => Number(other[2]) - Number(one[2]));
    const made = ticks(rows, common);
    const search = el("input", { type: "search", placeholder: word("find_channel"), "aria-label": word("find_channel") });
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase();
      for (const row of made.element.children) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    made.element.classList.add("long");
    return { ...made, element: el("div", { class: "picked" }, rows.length > 8 && search, made.element) };
  },
  person(field, common, world) {
    const list = el("datalist", { id: `${common.id}-list` }, ...world.people.map((each) => el("option", { value: `@${each.name}` })));
    const made = simple("input", { ...common, list: list.id, placeholder: "@" }, field.value);
    return { ...made, element: el("div", {}, made.element, list), focus: made.element };
  },
};

function ticks(rows, common) {
  const boxes = rows.map(([value, label, on]) => {
    const box = el("input", { type: "checkbox", value, checked: on });
    return [box, el("label", { class: "tick" }, box, el("span", {}, label))];
  });
  const element = el("div", { class: "ticks", "aria-describedby": common["aria-describedby"] }, ...boxes.map(([, row]) => row));
  const value = () => boxes.filter(([box]) => box.checked).map(([box]) => box.value).join(", ");
  return { element, value, group: true, focus: boxes[0]?.[0] };
}

// Neighbours that belong side by side: texts (one in each language), a day and its time.
function rowsOf(inputs) {
  const rows = [];
  for (const input of inputs) {
    const { kind: asked, name } = input.field;
    const kind = ["date", "time"].includes(asked) ? "short" : ["fr", "en"].includes(name) ? asked : "";
    const last = rows.at(-1);
    if (last && kind && last.kind === kind && last.boxes.length < 2) last.boxes.push(input.box);
    else rows.push({ kind, boxes: [input.box] });
  }
  return rows.map((row) => (row.boxes.length > 1 ? el("div", { class: `row of-${row.kind}` }, ...row.boxes) : row.boxes[0]));
}

// onSubmit(post, values, button) gives the id of what the answer will name. world: () => ({channels, people}).
export class FormDialog {
  constructor(post, world, onSubmit, onClose) {
    this.world = world;
    this.onSubmit = onSubmit;
    this.waiting = null;
    this.dialog = el("dialog", { class: "dialog asks", "aria-labelledby": "form-title" });
    this.dialog.addEventListener("close", () => {
      clearTimeout(this.patience);
      this.dialog.remove();
      onClose();
    });
    document.body.append(this.dialog);
    this.show(post);
    this.dialog.showModal();
    this.focus();
  }

  // The form of this post, in the place of what was shown.
  show(post) {
    const form = post.form;
    this.post = post;
    this.inputs = form.fields.map((field) => inputFor(field, this.world()));
    this.problem = el("p", { class: "problem", role: "alert", hidden: true });
    const wide = this.inputs.some((input) => input.field.kind === "text");
    this.dialog.classList.toggle("broad", wide);
    const others = form.buttons.map((button, at) =>
      el("button", { type: "button", class: `choice ${button.style}`, onclick: () => this.send(at) }, button.label),
    );
    const cancel = el("button", { type: "button", class: "choice", onclick: () => this.dialog.close() }, word("cancel"));
    const submit = el("button", { type: "submit", class: "choice primary" }, form.submit);
    const body = el(
      "form",
      { method: "dialog" },
      el("h2", { id: "form-title" }, form.title),
      form.html && html(form.html, "text rich said"),
      ...rowsOf(this.inputs),
      form.preview && el("section", { class: "preview", tabindex: "-1" }, el("h3", {}, word("preview")), html(form.preview, "text rich")),
      this.problem,
      el("div", { class: "ends" }, ...others, el("span", { class: "gap" }), cancel, submit),
    );
    body.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.dialog.replaceChildren(body);
    this.busy(false);
  }

  focus() {
    const wrong = this.inputs.find((input) => input.field.error);
    const preview = this.dialog.querySelector(".preview");
    const first = wrong?.focus ?? preview ?? this.inputs[0]?.focus;
    first?.focus();
    (wrong?.box ?? preview)?.scrollIntoView({ block: "nearest" });
  }

  async send(button) {
    const values = Object.fromEntries(this.inputs.map((input) => [input.field.name, input.value()]));
    this.busy(true);
    try {
      this.waiting = await this.onSubmit(this.post, values, button);
      this.patience = setTimeout(() => this.say(word("no_answer_yet")), PATIENCE);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.say(errorWord(error.code));
    }
  }

  // Whether the post is the answer this form waits for.
  takes(post) {
    if (!this.waiting || post.answers !== this.waiting) return false;
    clearTimeout(this.patience);
    this.waiting = null;
    if (!post.form) {
      this.dialog.close();
      return false;
    }
    this.show(post);
    this.focus();
    return true;
  }

  say(text) {
    this.busy(false);
    this.problem.textContent = text;
    this.problem.hidden = false;
  }

  busy(on) {
    for (const button of this.dialog.querySelectorAll(".ends button")) button.disabled = on && !button.matches(":nth-last-child(2)");
    this.dialog.setAttribute("aria-busy", String(on));
  }
}
