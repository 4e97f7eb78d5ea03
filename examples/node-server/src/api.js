// ChatEngine over HTTP (contract, section 4), and the webhook (section 5).

import { randomUUID } from "node:crypto";
import { Refusal, id, object, optional, text } from "./errors.js";
import { verify } from "./tokens.js";

const LARGEST_FILE = 16 * 1024 * 1024;
const TYPES = ["text", "image", "video", "audio", "file"];
const WEBHOOK = "/api/webhooks/whatsapp";
const CONTEXT = /^\/api\/chat\/messages\/([^/]+)\/context$/;
const FILE = /^\/api\/files\/([^/]+)$/;

export class Api {
  #settings;
  #store;
  #outbox;
  #inbox;
  #files = new Map();

  constructor(settings, store, outbox, inbox) {
    this.#settings = settings;
    this.#store = store;
    this.#outbox = outbox;
    this.#inbox = inbox;
  }

  async handle(request, response) {
    this.#allowBrowser(request, response);
    try {
      if (request.method === "OPTIONS") return response.writeHead(204).end();
      const answer = await this.#route(request);
      if (answer.file) {
        response.writeHead(200, { "Content-Type": "application/octet-stream" }).end(answer.file);
      } else {
        reply(response, answer.status ?? 200, answer.body);
      }
    } catch (error) {
      const known = error instanceof Refusal;
      if (!known) console.error(error);
      const message = known ? error.message : "internal error";
      reply(response, known ? error.status : 500, { error: message });
    }
  }

  #allowBrowser({ headers }, response) {
    const { origins } = this.#settings;
    if (!headers.origin || !(origins.includes("*") || origins.includes(headers.origin))) return;
    response.setHeader("Access-Control-Allow-Origin", headers.origin);
    response.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.setHeader("Vary", "Origin");
  }

  async #route(request) {
    const [path, search] = split(request.url);
    const query = new URLSearchParams(search);
    const call = `${request.method} ${path}`;
    if (call === "GET /api/health") return { body: { status: "ok" } };
    if (call === `GET ${WEBHOOK}`) return { body: { status: "ok" } };
    if (call === `POST ${WEBHOOK}`) return this.#webhook(request);
    if (request.method === "GET" && FILE.test(path)) return this.#file(FILE.exec(path)[1]);
    if (!path.startsWith("/api/chat/")) throw new Refusal(404, "no such path");
    const agent = authorize(request, this.#settings);
    if (call === "GET /api/chat/conversations") {
      return { body: this.#store.conversations(agent.workspaceId) };
    }
    if (call === "GET /api/chat/messages") return this.#messages(agent, query);
    if (call === "POST /api/chat/messages") return this.#post(agent, request);
    if (call === "POST /api/chat/attachments") return this.#upload(request);
    if (request.method === "GET" && CONTEXT.test(path)) {
      return this.#context(agent, CONTEXT.exec(path)[1]);
    }
    throw new Refusal(404, "no such path");
  }

  async #webhook(request) {
    this.#inbox.receive(await readJson(request, this.#settings.maxPayload));
    return { body: { status: "ok" } };
  }

  #messages({ workspaceId }, query) {
    const conversationId = id(query.get("conversationId"), "conversationId");
    const since = query.has("since") ? momentOf(query.get("since")) : undefined;
    const limit = query.has("limit") ? Number(query.get("limit")) : 100;
    if (!Number.isInteger(limit) || limit < 1) throw new Refusal(400, "limit is no whole number");
    const most = Math.min(limit, 500);
    return { body: this.#store.messages(workspaceId, conversationId, since, most) };
  }

  async #post(agent, request) {
    const body = object(await readJson(request, this.#settings.maxPayload));
    const content = text(body.content, "content");
    if (!TYPES.includes(body.type)) throw new Refusal(400, "no such type");
    const attachment = body.type === "text" ? undefined : attachmentOf(body);
    if (!content && !attachment) throw new Refusal(400, "there is nothing to send");
    const message = await this.#outbox.send(agent, {
      conversationId: id(body.conversationId, "conversationId"),
      type: body.type,
      content,
      clientId: optional(id, body.clientMessageId, "clientMessageId"),
      replyTo: optional(id, body.replyToMessageId, "replyToMessageId"),
      whatsappNumberId: optional(id, body.whatsappNumberId, "whatsappNumberId"),
      attachment,
    });
    return { status: 201, body: message };
  }

  async #upload(request) {
    const body = await read(request, LARGEST_FILE);
    const file = await fileIn(body, request.headers["content-type"]);
    const fileId = randomUUID();
    this.#files.set(fileId, Buffer.from(await file.arrayBuffer()));
    const kind = file.type.split("/")[0];
    const attachment = {
      id: fileId,
      messageId: "",
      type: TYPES.includes(kind) && kind !== "text" ? kind : "file",
      url: `http://${request.headers.host}/api/files/${fileId}`,
      metadata: { filename: file.name, size: file.size, mimeType: file.type },
    };
    return { status: 201, body: attachment };
  }

  #file(fileId) {
    const file = this.#files.get(fileId);
    if (!file) throw new Refusal(404, "no such file");
    return { file };
  }

  #context({ workspaceId }, encoded) {
    const message = this.#store.message(workspaceId, decoded(encoded));
    if (!message) throw new Refusal(404, "no such message");
    const conversation = this.#store.conversation(workspaceId, message.conversationId);
    return { body: { message, conversation, workspace_id: workspaceId } };
  }
}

function authorize({ headers }, settings) {
  const [scheme, token] = (headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer") throw new Refusal(401, "no bearer token");
  return verify(token, settings, `token ${token}`);
}

function attachmentOf({ attachments, type }) {
  const given = object(Array.isArray(attachments) ? attachments[0] : undefined);
  const url = text(given.url, "the attachment's url");
  return { id: randomUUID(), type, url, ...optionalFields(given) };
}

function optionalFields({ id: known, metadata }) {
  return {
    ...(typeof known === "string" && known ? { id: known } : {}),
    ...(metadata && typeof metadata === "object" ? { metadata } : {}),
  };
}

async function fileIn(body, contentType = "") {
  let form;
  try {
    form = await new Response(body, { headers: { "Content-Type": contentType } }).formData();
  } catch {
    throw new Refusal(400, "the body is no form");
  }
  const file = form.get("file");
  if (!(file instanceof Blob)) throw new Refusal(400, "file is missing");
  return file;
}

async function readJson(request, most) {
  const body = await read(request, most);
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}

async function read(request, most) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > most) throw new Refusal(413, "the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function momentOf(value) {
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new Refusal(400, "since is no moment");
  return new Date(at).toISOString();
}

function split(url) {
  const [path, ...search] = url.split("?");
  return [path, search.join("?")];
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(404, "no such path");
  }
}

function reply(response, status, body) {
  if (response.headersSent) return;
  const headers = { "Content-Type": "application/json" };
  if (status === 413) headers.Connection = "close";
  response.writeHead(status, headers).end(JSON.stringify(body));
}
