// A minimal ChatEngine: Socket.IO, HTTP and the webhook, in memory, in one process.
// Settings come from the environment (contract, section 10).

import http from "node:http";
import { Api } from "./src/api.js";
import { Inbox } from "./src/inbox.js";
import { Outbox } from "./src/outbox.js";
import { Provider } from "./src/provider.js";
import { readSettings } from "./src/settings.js";
import { Sockets } from "./src/sockets.js";
import { Store } from "./src/store.js";

const GRACE_MS = 500;

const settings = readSettings(process.env);
const store = new Store();
const outbox = new Outbox(settings, store, new Provider(settings));
const inbox = new Inbox(settings, store, outbox);
const api = new Api(settings, store, outbox, inbox);

const server = http.createServer((request, response) => api.handle(request, response));
const sockets = new Sockets(server, settings, store, outbox);

server.listen(settings.port, settings.host, () => {
  console.log(`listening ${server.address().port}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    sockets.close();
    server.closeAllConnections();
    setTimeout(() => process.exit(0), GRACE_MS).unref(); // whoever does not say goodbye is cut
  });
}
