// Talking to the playground's server. Addresses are relative, so that the page also works below a path.
import { errorWord } from "./words.js";
import { toast } from "./dom.js";

export class Failed extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

async function answer(promise) {
  let response;
  try {
    response = await promise;
  } catch {
    throw new Failed("lost");
  }
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failed(data.error ?? "other");
  return data;
}

export function read(name, values = {}) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return answer(fetch(`api/${name}?${new URLSearchParams(given)}`, { cache: "no-store" }));
}

export function write(name, values) {
  return answer(
    fetch(`api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values),
    }),
  );
}

// Do it, and say so when it fails. Gives undefined then.
export async function tried(promise) {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    toast(errorWord(error.code));
    return undefined;
  }
}

// Listen to changes as this person; gives a function that stops it. The server greets when it begins to tell: what
// happened before the greeting has to be read.
export function listen(person, onChange, onOpen, onLost) {
  const source = new EventSource(`api/events?${new URLSearchParams({ as: person })}`);
  source.addEventListener("message", (event) => onChange(JSON.parse(event.data)));
  source.addEventListener("open", onOpen);
  source.addEventListener("error", onLost);
  return () => source.close();
}
