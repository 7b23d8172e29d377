// Making elements. Text always goes in as text; only html() reads HTML, and only the server's own.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "hue") element.style.setProperty("--hue", String(value));
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// HTML which the server made from the bot's Markdown, where nothing but our own tags can be.
export function html(markup, className) {
  const box = el("div", { class: className });
  box.innerHTML = markup;
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!node.parentElement.closest("code")) node.data = tied(node.data);
  }
  for (const link of box.querySelectorAll("a[href]")) {
    const address = link.getAttribute("href");
    if (address.startsWith("#person/")) link.className = "mention";
    else if (!address.startsWith("#")) {
      link.target = "_blank";
      link.rel = "noopener noreferrer";
    }
  }
  return box;
}

// French puts a space before some signs, at which a line must not break.
export const tied = (text) => text.replace(/ (?=[?!:;»])/g, "\u00a0").replace(/« /g, "«\u00a0");

export const find = (id) => document.getElementById(id);

const PATHS = {
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.3 12c.6 1 1.5 1.5 2.7 1.5s2.1-.5 2.7-1.5M7.7 8.2v.1M12.3 8.2v.1",
  reply: "M4 5.5h12v8H9.5L6 16.500v-3H4z",
  edit: "M4 16l.7-3.3L13 4.400l2.600 2.600-8.300 8.300z",
  bin: "M4.500 6h11M8 6V4h4v2M6 6l.6 10h6.800L14 6",
  book: "M4 4.500c2-.8 4-.8 6 .5 2-1.300 4-1.300 6-.5v11c-2-.8-4-.8-6 .5-2-1.300-4-1.300-6-.5zM10 5v11",
  send: "M3.500 10 16.500 4l-4 12.500-3-5z",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

// A round sign for a person: initials on a colour made from the id, always the same.
export function avatar(person, size = "") {
  if (person?.bot) return el("span", { class: `avatar bot ${size}`, "aria-hidden": "true" });
  const name = person?.name ?? "?";
  const letters = name
    .split(/\s+/)
    .map((part) => Array.from(part)[0] ?? "")
    .slice(0, 2)
    .join("");
  let hue = 0;
  for (const letter of person?.id ?? "") hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return el("span", { class: `avatar ${size}`, "aria-hidden": "true", hue }, letters.toUpperCase());
}

let toastTimer = 0;
export function toast(text) {
  const box = find("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), 5000);
}
