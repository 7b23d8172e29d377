// “Behind the scenes”: the time, the figures, and the latest rows of the ledger. Read only while it is open.
import { Failed, read } from "./api.js";
import { el, find } from "./dom.js";
import { clock, dayName } from "./messages.js";
import { language, term, word } from "./words.js";

const EVERY = 3000;
let timer = 0;

// world: () => ({me, people}), for the zone of the times and the names of people.
export function openBehind(world) {
  clearInterval(timer);
  const draw = async () => {
    try {
      show(await read("status", { language: language() }), world());
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
    }
  };
  timer = setInterval(draw, EVERY);
  return draw();
}

export function closeBehind() {
  clearInterval(timer);
}

function show(status, { me, people }) {
  const zone = me.zone;
  const parts = [
    el("h3", {}, word("time")),
    el("p", { class: "big" }, clock(status.now, zone), el("small", {}, dayName(status.now, zone, status.now), ` · ${zone}`)),
  ];
  const figures = Object.entries(status.figures ?? {});
  if (figures.length)
    parts.push(
      el("h3", {}, word("figures")),
      el("dl", {}, ...figures.map(([name, value]) => el("div", {}, el("dt", {}, term("figure", name)), el("dd", {}, String(value ?? "–"))))),
    );
  if (status.ledger) {
    parts.push(el("h3", {}, word("ledger")));
    if (!status.ledger.length) parts.push(el("p", { class: "note" }, word("ledger_empty")));
    else parts.push(el("ol", { class: "ledger" }, ...status.ledger.map((row) => rowOf(row, zone, people))));
  }
  find("behind-body").replaceChildren(...parts);
}

function rowOf(row, zone, people) {
  const kind = term("kind", row.kind ?? "");
  const feature = term("feature", row.feature ?? "");
  const to = people.get(row.to)?.name ?? String(row.to ?? "").replace(/^C-/, "#");
  const direct = people.get(to.replace(/^D-/, ""))?.name ?? to;
  return el(
    "li",
    {},
    el("span", { class: `state ${row.state ?? ""}` }, term("state", row.state ?? "")),
    el("span", { class: "what" }, [feature, kind].filter((each, at, all) => each && all.indexOf(each) === at).join(" · ")),
    el("time", {}, row.at ? clock(row.at, zone) : ""),
    el("span", { class: "to" }, [direct, row.why?.[language()] ?? ""].filter(Boolean).join(" – ")),
  );
}
