// The sockets of the agents: what they are told, and what they ask for (contract, section 2).

import { Server } from "socket.io";
import { Refusal, id, object, optional, text } from "./errors.js";
import { verify } from "./tokens.js";

const workspaceRoom = (workspaceId) => JSON.stringify(["workspace", workspaceId]);
const conversationRoom = (workspaceId, conversationId) =>
  JSON.stringify(["conversation", workspaceId, conversationId]);

export class Sockets {
  #io;
  #outbox;

  constructor(server, settings, store, outbox) {
    this.#outbox = outbox;
    this.#io = new Server(server, {
      path: "/api/ws",
      serveClient: false,
      pingInterval: settings.pingInterval,
      pingTimeout: settings.pingTimeout,
      maxHttpBufferSize: settings.maxPayload,
      cors: { origin: settings.origins.includes("*") ? "*" : settings.origins },
    });
    this.#io.use((socket, next) => admit(socket, settings, next));
    this.#io.on("connection", (socket) => this.#welcome(socket));
    this.#tell(store, settings.toWorkspace);
  }

  close() {
    this.#io.close();
  }

  // What the store changes, to whom it concerns.
  #tell(store, toWorkspace) {
    const subscribers = ({ workspaceId, conversationId }) =>
      this.#io.to(conversationRoom(workspaceId, conversationId));
    const workspace = ({ workspaceId }) => this.#io.to(workspaceRoom(workspaceId));
    store.on("message", (message, conversation) => {
      (toWorkspace ? workspace : subscribers)(message).emit("message", message);
      workspace(message).emit("conversation", conversation);
    });
    store.on("status", (message) => {
      const { id: messageId, status } = message;
      subscribers(message).emit("messageStatus", { messageId, status });
    });
    store.on("connection", (update) => workspace(update).emit("connectionUpdate", update));
  }

  #welcome(socket) {
    const agent = socket.data.agent;
    const room = (conversationId) =>
      conversationRoom(agent.workspaceId, id(conversationId, "conversationId"));
    socket.join(workspaceRoom(agent.workspaceId));
    command(socket, "subscribe:conversation", (conversationId) => {
      socket.join(room(conversationId));
    });
    command(socket, "unsubscribe:conversation", (conversationId) => {
      socket.leave(room(conversationId));
    });
    command(socket, "typing", (payload) => {
      const { conversationId, isTyping } = object(payload);
      if (typeof isTyping !== "boolean") throw new Refusal(400, "isTyping is neither true nor false");
      const typing = { conversationId, userId: agent.userId, isTyping };
      socket.to(room(conversationId)).emit("typing", typing);
    });
    command(socket, "sendMessage", (payload) => this.#send(socket, object(payload)));
    command(socket, "markAsRead", (payload) => {
      const conversationId = id(object(payload).conversationId, "conversationId");
      socket.emit("markedAsRead", { conversationId, timestamp: new Date().toISOString() });
    });
  }

  async #send(socket, payload) {
    const clientId = optional(id, payload.messageId, "messageId");
    const content = text(payload.content, "content");
    if (!content) throw new Refusal(400, "there is nothing to send");
    const message = await this.#outbox.send(socket.data.agent, {
      conversationId: id(payload.conversationId, "conversationId"),
      type: "text",
      content,
      clientId,
      replyTo: optional(id, payload.replyToMessageId, "replyToMessageId"),
    });
    socket.emit("messageSent", {
      conversationId: message.conversationId,
      messageId: message.id,
      clientMessageId: clientId,
      timestamp: message.createdAt,
    });
  }
}

function admit(socket, settings, next) {
  try {
    const { token, workspaceId } = socket.handshake.auth ?? {};
    const agent = verify(token, settings, `socket ${socket.id}`);
    if (workspaceId !== agent.workspaceId) {
      throw new Refusal(403, "token of another workspace", "forbidden");
    }
    socket.data.agent = agent;
    next();
  } catch (error) {
    const refusal = new Error(error.message);
    refusal.data = { code: error.code };
    next(refusal);
  }
}

// Answers a command: with an acknowledgement where one is asked for, and an `error` if it fails.
function command(socket, name, work) {
  socket.on(name, async (...given) => {
    const acknowledge = typeof given.at(-1) === "function" ? given.pop() : () => {};
    try {
      await work(given[0]);
      acknowledge({ ok: true });
    } catch (error) {
      const { code, message } = error instanceof Refusal ? error : unforeseen(error);
      acknowledge({ ok: false, error: { code, message } });
      socket.emit("error", { type: name, message, ...about(given[0]) });
    }
  });
}

// Which conversation and message a failed command was about, as far as it can be told.
function about(payload) {
  const named = typeof payload === "string" ? { conversationId: payload } : Object(payload);
  const known = (value) => (typeof value === "string" ? value.slice(0, 512) : undefined);
  return { conversationId: known(named.conversationId), clientMessageId: known(named.messageId) };
}

function unforeseen(error) {
  console.error(error);
  return { code: "internal", message: "internal error" };
}
