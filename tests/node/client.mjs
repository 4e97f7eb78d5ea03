// The official client against a server of the tests: node client.mjs <url> <path> <transports>
// Prints what it saw as one line of JSON.

import { Manager } from "socket.io-client";

const [url, path, transports] = process.argv.slice(2);
const manager = new Manager(url, {
  path,
  transports: transports.split(","),
  reconnectionDelay: 10,
  reconnectionDelayMax: 20,
});
const seen = { numbers: [] };
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...a) => resolve(a)));

const socket = manager.socket("/", { auth: { token: "secret" } });
const counted = new Promise((resolve) => {
  socket.on("number", (number) => seen.numbers.push(number) === 200 && resolve());
});
socket.on("question", (data, answer) => answer(`answer to ${data.toString("hex")}`, data));
await once(manager, "open");
seen.first = manager.engine.transport.name;
await once(socket, "connect");

seen.auth = await socket.emitWithAck("auth");
const bytes = Buffer.from([1, 2, 3]);
const [echo, other] = await socket.emitWithAck("echo", { deep: [bytes] }, "text €");
seen.echo = [Buffer.isBuffer(echo.deep[0]), echo.deep[0].toString("hex"), other];
seen.asked = await socket.emitWithAck("ask me", bytes);

await counted;
socket.off("number"); // a later connection counts anew
seen.last = manager.engine.transport.name;

const custom = manager.socket("/custom");
await once(custom, "connect");
seen.custom = await custom.emitWithAck("echo", "custom");
const [error] = await once(manager.socket("/random"), "connect_error");
seen.random = error.message;
custom.disconnect();

const before = socket.id;
socket.emit("cut me");
seen.cut = (await once(socket, "disconnect"))[0];
await once(socket, "connect");
seen.reconnected = socket.id !== before && !socket.recovered;

socket.emit("kick me");
seen.kicked = (await once(socket, "disconnect"))[0];
socket.connect();
await once(socket, "connect");
socket.disconnect();
seen.left = socket.disconnected;
manager._close();
console.log(JSON.stringify(seen));
