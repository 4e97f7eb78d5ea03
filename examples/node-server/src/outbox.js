// Sending: once for each client id, one after the other in a conversation.

import { randomUUID } from "node:crypto";
import { Refusal } from "./errors.js";
import { ProviderError } from "./provider.js";

export class Outbox {
  #instances;
  #store;
  #provider;
  #sends = new Map(); // promises of messages, by the name of the send
  #lines = new Map(); // the last send under way, by conversation

  constructor(settings, store, provider) {
    this.#instances = settings.instances;
    this.#store = store;
    this.#provider = provider;
  }

  // Sends an order {conversationId, type, content, clientId?, replyTo?, attachment?} of an agent.
  // Returns the message; the same again is the same send, unless that one failed.
  send(agent, order) {
    const place = JSON.stringify([agent.workspaceId, order.conversationId]);
    const name = order.clientId && JSON.stringify([place, agent.sender, order.clientId]);
    const known = name && this.#sends.get(name);
    if (known) return known;
    const instance = this.#instanceFor(agent, order);
    const before = this.#lines.get(place) ?? Promise.resolve();
    const sending = before.then(() => this.#send(agent, order, instance));
    const settled = sending.catch(() => this.#sends.delete(name));
    if (name) this.#sends.set(name, sending);
    this.#lines.set(place, settled);
    settled.then(() => this.#lines.get(place) === settled && this.#lines.delete(place));
    return sending;
  }

  // Does something as soon as no send of a conversation is under way: at once, if none is.
  afterSends(workspaceId, conversationId, work) {
    const line = this.#lines.get(JSON.stringify([workspaceId, conversationId]));
    if (line) line.then(work);
    else work();
  }

  #instanceFor({ workspaceId }, { conversationId, whatsappNumberId }) {
    const known = this.#store.instanceOf(workspaceId, conversationId);
    if (known && !whatsappNumberId) return known;
    const fits = ([, each]) =>
      each.workspaceId === workspaceId &&
      (!whatsappNumberId || each.whatsappNumberId === whatsappNumberId);
    const found = [...this.#instances].find(fits);
    if (!found) throw new Refusal(400, "the workspace has no such number", "refused");
    return found[0];
  }

  async #send(agent, order, instance) {
    const now = Math.floor(Date.now() / 1000);
    try {
      const { keyId, second } = await this.#provider.send(instance, order.conversationId, order);
      const metadata = { providerMessageId: keyId, clientMessageId: order.clientId };
      const id = `evo-${keyId}`;
      return this.#enter(agent, order, instance, { id, status: "sent", metadata, second: second ?? now });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const metadata = { clientMessageId: order.clientId };
      const id = `failed-${randomUUID()}`;
      this.#enter(agent, order, instance, { id, status: "failed", metadata, second: now });
      throw new Refusal(502, error.message, "failed");
    }
  }

  #enter(agent, order, instance, fields) {
    return this.#store.add(agent.workspaceId, {
      conversationId: order.conversationId,
      senderId: agent.userId,
      type: order.type,
      content: order.content,
      replyToMessageId: order.replyTo,
      attachments: order.attachment && [{ ...order.attachment, messageId: fields.id }],
      instance,
      whatsappNumberId: this.#instances.get(instance).whatsappNumberId,
      ...fields,
    });
  }
}
