// node emulate-slack.mjs FOLDER PORT SETTINGS: the Slack of the npm package emulate, which lies in FOLDER.
//
// SETTINGS is JSON: {eventUrl, seed}. Two things are done that the package has no switch for: events are subscribed to
// (its own plugin is asked for its webhooks when it registers), and methods called as slack_sdk calls them are understood
// (reading methods come as GET, values may stand in the address; the package reads bodies of POST only).
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, port, settings] = process.argv.slice(2);
const { eventUrl, seed } = JSON.parse(settings);
const built = join(resolve(folder), "dist");

async function theirPlugin() {
  for (const file of readdirSync(built)) {
    if (!/^dist-.*\.js$/.test(file)) continue;
    if (!/export \{[^}]*\bslackPlugin\b/.test(readFileSync(join(built, file), "utf8"))) continue;
    return (await import(pathToFileURL(join(built, file)))).slackPlugin;
  }
  throw new Error("the package has no Slack");
}

async function asTheyReadIt(request) {
  const address = new URL(request.url);
  if (!address.pathname.startsWith("/api/") || (request.method === "POST" && !address.search)) return request;
  const headers = new Headers(request.headers);
  const values = Object.fromEntries(address.searchParams);
  const sent = request.method === "POST" ? await request.text() : "";
  const json = (headers.get("content-type") ?? "").includes("json");
  const body = json && sent ? { ...values, ...JSON.parse(sent) } : { ...values, ...Object.fromEntries(new URLSearchParams(sent)) };
  headers.set("content-type", "application/json");
  headers.delete("content-length");
  address.search = "";
  return new Request(address, { method: "POST", headers, body: JSON.stringify(body) });
}

const plugin = await theirPlugin();
const register = plugin.register;
let hooks;
plugin.register = function (app, store, webhooks, ...rest) {
  hooks = webhooks;
  const fetch = app.fetch.bind(app);
  app.fetch = async (request, ...more) => fetch(await asTheyReadIt(request), ...more);
  return register.call(this, app, store, webhooks, ...rest);
};
const { createEmulator } = await import(pathToFileURL(join(built, "api.js")));
await createEmulator({ service: "slack", port: Number(port), seed: { slack: seed } });
if (eventUrl) hooks.register({ url: eventUrl, events: ["*"], active: true, owner: "slack" });
console.log("ready");
