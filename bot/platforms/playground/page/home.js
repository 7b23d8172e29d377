// A person's home: the page that the bot keeps for them.
import { read, tried, write } from "./api.js";
import { el, find, html } from "./dom.js";
import { clock } from "./messages.js";
import { word } from "./words.js";

let shown = null;

// Look at it: the bot is told, and what it showed last is there at once.
export async function openHome(me, press) {
  shown = null;
  draw(me, press);
  tried(write("home", { as: me.id }));
  await readHome(me, press);
}

export async function readHome(me, press) {
  const found = await tried(read("home", { as: me.id }));
  if (!found) return;
  shown = found.home;
  draw(me, press);
}

// press(section, button, element)
export function draw(me, press) {
  const box = find("home");
  const focused = document.activeElement?.dataset?.home;
  if (!shown) {
    box.replaceChildren(el("p", { class: "empty" }, word("home_waits")));
    return;
  }
  const sections = shown.sections.map((section, row) =>
    el(
      "section",
      { class: "card" },
      html(section.html, "text rich"),
      section.buttons.length > 0 &&
        el(
          "div",
          { class: "buttons" },
          ...section.buttons.map((button, at) =>
            el(
              "button",
              {
                type: "button",
                class: `choice ${button.style}`,
                "data-home": `${row} ${button.label}`,
                onclick: (event) => press(row, at, event.currentTarget),
              },
              button.label,
            ),
          ),
        ),
    ),
  );
  box.replaceChildren(...sections, el("p", { class: "note" }, word("home_as_of", { time: clock(shown.at, me.zone) })));
  if (focused) box.querySelector(`[data-home="${CSS.escape(focused)}"]`)?.focus();
}
