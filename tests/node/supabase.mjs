// The CRM's fallback on the official client: node supabase.mjs <url> <key> <user token> <control url> <control token>
// Subscribes, receives, survives every kind of loss, expires. Prints what it saw as one line of JSON.

import { createClient, RealtimeClient } from "@supabase/supabase-js";
import ws from "ws";

const [url, key, userToken, controlUrl, controlToken] = process.argv.slice(2);
const seen = {};

async function control(method, path, body) {
  const answer = await fetch(controlUrl + path, {
    method,
    headers: { Authorization: `Bearer ${controlToken}` },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

async function until(look) {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`never: ${look}; ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const client = (heartbeatIntervalMs = 25000) =>
  createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: ws, heartbeatIntervalMs, reconnectAfterMs: () => 20 },
  });

// A channel of a conversation, and everything that it says.
function open(supabase, conversation, filter = `conversation_id=eq.${conversation}`) {
  const log = { statuses: [], errors: [], systems: [], changes: [] };
  const where = { schema: "public", table: "messages", filter };
  const note = (change) => log.changes.push(change);
  log.channel = supabase
    .channel(`messages-${conversation}`)
    .on("postgres_changes", { event: "INSERT", ...where }, note)
    .on("postgres_changes", { event: "UPDATE", ...where }, note)
    .on("system", {}, (said) => log.systems.push(said))
    .subscribe((status, error) => {
      log.statuses.push(status);
      if (error) log.errors.push(error.message);
    });
  return log;
}

const serving = (log, times) =>
  until(() => log.systems.filter((said) => said.status === "ok").length >= times);

async function write(body, conversation = "c-1") {
  const row = { workspace_id: "w-1", conversation_id: conversation, body };
  const { rows } = await control("POST", "/rows/messages", { rows: [row] });
  return rows[0].id;
}

const bodies = (log) => log.changes.map((change) => `${change.eventType} ${change.new.body}`);
const received = (log, text) => until(() => bodies(log).includes(text));

// subscribe, INSERT, UPDATE, filters
const supabase = client();
const log = open(supabase, "c-1");
await serving(log, 1);
await write("of another conversation", "c-2");
const id = await write("one");
await control("PATCH", "/rows/messages", { match: { id }, values: { body: "two" } });
await received(log, "UPDATE two");
seen.changes = bodies(log);
seen.shape = Object.keys(log.changes[1]).sort();
seen.old = log.changes.map((change) => Object.keys(change.old));
seen.errors = log.changes.map((change) => change.errors);

// every loss of the socket, and of the channel
seen.lost = [];
let times = 1;
for (const [path, how] of [
  ["/sockets/drop", { how: "close", code: 1001 }],
  ["/sockets/drop", { how: "close", code: 1012 }],
  ["/sockets/drop", { how: "abort" }],
  ["/channels/end", { how: "error" }],
]) {
  await control("POST", path, how);
  await serving(log, ++times);
  await write(`after ${how.code ?? how.how}`);
  await received(log, `INSERT after ${how.code ?? how.how}`);
  seen.lost.push(log.statuses.slice(-2));
}

// a token of the user's own: pushed, without a reply
await supabase.realtime.setAuth(userToken);
await serving(log, ++times);
seen.roles = (await control("GET", "/channels")).map((channel) => channel.role);

// the token is over: closed, and not subscribed again by itself
await control("POST", "/channels/end", { how: "expire" });
await until(() => log.statuses.at(-1) === "CLOSED");
seen.expired = log.systems.at(-1).message;
seen.afterExpiry = await control("GET", "/channels");

// a bad filter: it looks subscribed, and is deaf
const bad = open(supabase, "c-3", "nothing=eq.1");
await until(() => bad.systems.length);
seen.bad = [[...bad.statuses], bad.systems[0].status];

// a mismatch: the client gives up
await control("POST", "/faults", { fault: "joinMismatched", topic: "messages-c-4", count: 1 });
const mismatched = open(supabase, "c-4");
await until(() => mismatched.errors.length);
seen.mismatch = mismatched.errors[0];

// a refused join: the client tries again
await control("POST", "/faults", { fault: "joinRefused", reason: "Test: no", topic: "messages-c-5", count: 1 });
const refused = open(supabase, "c-5");
await serving(refused, 1);
seen.refused = [[...refused.statuses], refused.errors];

// a broadcast, in a binary frame, to a client that is realtime-js alone
const heard = [];
const listening = new RealtimeClient(`${url}/realtime/v1`, { params: { apikey: key }, transport: ws });
await new Promise((resolve) =>
  listening
    .channel("room")
    .on("broadcast", { event: "wave" }, ({ payload }) => heard.push(payload))
    .subscribe((status) => status === "SUBSCRIBED" && resolve()),
);
const room = supabase.channel("room");
await new Promise((resolve) => room.subscribe((status) => status === "SUBSCRIBED" && resolve()));
await room.send({ type: "broadcast", event: "wave", payload: { to: "Olá 👋" } });
await until(() => heard.length);
seen.heard = heard;

// an unanswered heartbeat: the client makes itself a new socket
await control("POST", "/faults", { fault: "heartbeatUnanswered", count: 1 });
const impatient = client(100);
const beating = open(impatient, "c-6");
await serving(beating, 2);
seen.heartbeat = beating.statuses.at(-1);

// every channel is left
await Promise.all([supabase, listening, impatient].map((each) => each.removeAllChannels()));
seen.left = await control("GET", "/channels");

console.log(JSON.stringify(seen));
process.exit(0);
