// node telegram-test-api.cjs FOLDER PORT: the Bot API of the npm package telegram-test-api, which lies in FOLDER.
//
// What python-telegram-bot needs and the package lacks is put around it: getMe says that it is a bot, dates are in
// seconds, a pressed button has its chat_instance, deleting answers true, and any kind of update can be brought:
// POST /sendMessage {"botToken": …, "raw": {"chat_member": {…}}}.
const { createRequire } = require("node:module");
const path = require("node:path");

const [folder, port] = process.argv.slice(2);
const found = createRequire(path.join(path.resolve(folder), "package.json"))(path.resolve(folder));
const TelegramServer = found.TelegramServer || found;

const seconds = (value) => {
  for (const key of Object.keys(value || {})) {
    if (key === "date" && value[key] > 1e11) value[key] = Math.floor(value[key] / 1000);
    else if (typeof value[key] === "object") seconds(value[key]);
  }
};

const format = TelegramServer.formatUpdate.bind(TelegramServer);
TelegramServer.formatUpdate = (update) => {
  if (update.message && update.message.raw) return { update_id: update.updateId, ...update.message.raw };
  const made = format(update);
  if (made.callback_query) made.callback_query.chat_instance = "1";
  return made;
};

const server = new TelegramServer({ port: Number(port), host: "127.0.0.1", storeTimeout: 600 });
server.webServer.use((request, response, next) => {
  const send = response.json.bind(response);
  response.json = (body) => {
    seconds(body);
    if (/\/getMe$/i.test(request.path) && body.result) Object.assign(body.result, { is_bot: true, id: 123456 });
    // It says back what it was sent, as text where it was sent as text.
    if (body.result && body.result.link_preview_options) delete body.result.link_preview_options;
    if (/\/deleteMessage$/i.test(request.path) && body.ok) body.result = true;
    return send(body);
  };
  next();
});
// Before the package's own routes: express asks in the order in which they were added.
const stack = (server.webServer._router || server.webServer.router).stack;
stack.splice(2, 0, stack.pop());
process.on("unhandledRejection", (error) => console.error(error.message));
server.start().then(() => console.log("ready"));
