// What is remembered: messages, conversations, and statuses that came before their message.
// Whoever listens hears of every change, in the order in which it entered.

import { EventEmitter } from "node:events";

const RANK = { pending: 0, sent: 1, failed: 2, delivered: 3, read: 4 };

export class Store extends EventEmitter {
  #workspaces = new Map();

  // Adds a message of a conversation, unless its id is known. Returns the message as it is.
  add(workspaceId, draft) {
    const workspace = this.#workspace(workspaceId);
    const known = workspace.messages.get(draft.id);
    if (known) return known;
    const { second, name, instance, whatsappNumberId, ...rest } = draft;
    const conversation = open(workspace, workspaceId, draft);
    const early = workspace.early.get(draft.id);
    const message = {
      ...rest,
      workspaceId,
      status: higher(rest.status, early),
      createdAt: momentIn(conversation, second),
    };
    workspace.early.delete(draft.id);
    workspace.messages.set(message.id, message);
    insert(conversation.messages, message);
    this.emit("message", message, describe(conversation));
    return message;
  }

  // A status only moves up; that of a message which is not here yet is kept for it.
  raise(workspaceId, messageId, status) {
    const workspace = this.#workspace(workspaceId);
    const message = workspace.messages.get(messageId);
    if (!message) {
      workspace.early.set(messageId, higher(status, workspace.early.get(messageId)));
    } else if (RANK[status] > RANK[message.status]) {
      message.status = status;
      this.emit("status", message);
    }
  }

  message(workspaceId, messageId) {
    return this.#workspace(workspaceId).messages.get(messageId);
  }

  messages(workspaceId, conversationId, since, limit) {
    const all = this.#workspace(workspaceId).conversations.get(conversationId)?.messages ?? [];
    if (since === undefined) return all.slice(-limit);
    return all.filter((message) => message.createdAt >= since).slice(0, limit);
  }

  conversation(workspaceId, conversationId) {
    const found = this.#workspace(workspaceId).conversations.get(conversationId);
    return found && describe(found);
  }

  conversations(workspaceId) {
    return [...this.#workspace(workspaceId).conversations.values()].map(describe);
  }

  // The instance that a conversation is on; undefined for one that nobody has written in.
  instanceOf(workspaceId, conversationId) {
    return this.#workspace(workspaceId).conversations.get(conversationId)?.instance;
  }

  #workspace(workspaceId) {
    if (!this.#workspaces.has(workspaceId)) {
      const empty = { messages: new Map(), conversations: new Map(), early: new Map() };
      this.#workspaces.set(workspaceId, empty);
    }
    return this.#workspaces.get(workspaceId);
  }
}

function open(workspace, workspaceId, { conversationId, instance, whatsappNumberId, name }) {
  if (!workspace.conversations.has(conversationId)) {
    workspace.conversations.set(conversationId, {
      id: conversationId,
      workspaceId,
      instance,
      whatsappNumberId,
      name: "",
      messages: [],
      moments: new Map(),
    });
  }
  const conversation = workspace.conversations.get(conversationId);
  conversation.name = name || conversation.name;
  return conversation;
}

// WhatsApp counts seconds; the order of entry within one is kept in the milliseconds.
function momentIn(conversation, second) {
  const before = conversation.moments.get(second) ?? 0;
  conversation.moments.set(second, Math.min(before + 1, 999));
  return new Date(second * 1000 + before).toISOString();
}

// Most messages are the newest: from the end on, there is little to look at.
function insert(messages, message) {
  let at = messages.length;
  while (at > 0 && messages[at - 1].createdAt > message.createdAt) at -= 1;
  messages.splice(at, 0, message);
}

function higher(status, other) {
  return other !== undefined && RANK[other] > RANK[status] ? other : status;
}

function describe(conversation) {
  const last = conversation.messages.at(-1);
  return {
    id: conversation.id,
    workspaceId: conversation.workspaceId,
    whatsappNumberId: conversation.whatsappNumberId,
    channel: "whatsapp",
    participants: [{ id: conversation.id, name: conversation.name || conversation.id }],
    lastMessage: {
      id: last.id,
      content: preview(last),
      senderId: last.senderId,
      createdAt: last.createdAt,
      type: last.type,
    },
    updatedAt: last.createdAt,
  };
}

function preview({ type, content }) {
  if (content || type === "text") return content;
  return type === "file" ? "[document]" : `[${type}]`;
}
