// What the provider's webhook tells (contract, section 5): messages, statuses, a number's state.

import { Refusal } from "./errors.js";

const STATUSES = new Map([
  ["ERROR", "failed"], ["PENDING", "pending"], ["SERVER_ACK", "sent"], ["SENT", "sent"],
  ["DELIVERY_ACK", "delivered"], ["DELIVERED", "delivered"], ["READ", "read"], ["PLAYED", "read"],
  [0, "failed"], [1, "pending"], [2, "sent"], [3, "delivered"], [4, "read"], [5, "read"],
]);
const MEDIA = {
  imageMessage: "image",
  videoMessage: "video",
  audioMessage: "audio",
  documentMessage: "file",
};
const WRAPPERS = [
  "ephemeralMessage",
  "viewOnceMessage",
  "viewOnceMessageV2",
  "documentWithCaptionMessage",
];
const DEEPEST_WRAPPING = 8;
const LATEST_SECOND = 253_402_300_799; // of the year 9999

export class Inbox {
  #instances;
  #store;
  #outbox;

  constructor(settings, store, outbox) {
    this.#instances = settings.instances;
    this.#store = store;
    this.#outbox = outbox;
  }

  // Takes one body in; it is stored, and on its way to the clients, when this returns.
  receive(body) {
    const event = record(body).event;
    if (typeof event !== "string" || event === "") throw new Refusal(400, "no event");
    const instance = this.#instances.get(body.instance);
    if (!instance) throw new Refusal(403, "no such instance");
    const items = [body.data].flat().map(record);
    if (event === "messages.upsert") {
      for (const item of items) this.#message(body.instance, instance, item);
    } else if (event === "messages.update") {
      for (const item of items) this.#status(instance, item);
    } else if (event === "connection.update") {
      for (const item of items) this.#connection(body.instance, instance, item);
    }
  }

  #message(name, instance, item) {
    const key = record(item.key);
    const keyId = nonEmpty(key.id, "key id");
    const remoteJid = nonEmpty(key.remoteJid, "remoteJid");
    const content = contentOf(item.message);
    if (!content) return;
    const fromMe = key.fromMe === true;
    const draft = {
      id: `evo-${keyId}`,
      conversationId: remoteJid,
      senderId: fromMe ? "me" : textOf(key.participant ?? item.participant) || remoteJid,
      type: content.type,
      content: content.text,
      attachments: content.url && [attachment(keyId, content)],
      status: fromMe ? "sent" : "delivered",
      metadata: { providerMessageId: keyId },
      second: secondOf(item.messageTimestamp),
      name: fromMe ? "" : textOf(item.pushName),
      instance: name,
      whatsappNumberId: instance.whatsappNumberId,
    };
    const enter = () => this.#store.add(instance.workspaceId, draft);
    // What may be the echo of a send waits until that send is settled, and is then known.
    if (fromMe) this.#outbox.afterSends(instance.workspaceId, remoteJid, enter);
    else enter();
  }

  #status(instance, item) {
    const keyId = nonEmpty(item.keyId ?? record(item.key).id, "key id");
    const status = STATUSES.get(item.status ?? record(item.update).status);
    if (status) this.#store.raise(instance.workspaceId, `evo-${keyId}`, status);
  }

  #connection(name, { workspaceId }, { state }) {
    if (typeof state !== "string") return;
    const timestamp = new Date().toISOString();
    this.#store.emit("connection", { instance: name, workspaceId, state, timestamp });
  }
}

function contentOf(message) {
  let inner = record(message);
  for (let depth = 0; depth < DEEPEST_WRAPPING; depth += 1) {
    const wrapper = WRAPPERS.find((name) => inner[name]);
    if (!wrapper) break;
    inner = record(record(inner[wrapper]).message);
  }
  const text = textOf(inner.conversation) || textOf(record(inner.extendedTextMessage).text);
  if (text) return { type: "text", text };
  const name = Object.keys(MEDIA).find((each) => inner[each] && typeof inner[each] === "object");
  if (!name) return null;
  const part = inner[name];
  return { type: MEDIA[name], text: textOf(part.caption), url: textOf(part.url) || "unknown:", part };
}

function attachment(keyId, { type, url, part }) {
  const metadata = { filename: part.fileName, mimeType: part.mimetype };
  return { id: `file-${keyId}`, messageId: `evo-${keyId}`, type, url, metadata };
}

function secondOf(value) {
  const second = Number(value);
  const isMoment = Number.isInteger(second) && second > 0 && second <= LATEST_SECOND;
  return isMoment ? second : Math.floor(Date.now() / 1000);
}

function nonEmpty(value, name) {
  if (!textOf(value)) throw new Refusal(400, `no ${name}`);
  return value;
}

function textOf(value) {
  return typeof value === "string" ? value : "";
}

function record(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}
