/** What the user sees: everything that arrives goes in here, from any source, in any order. */

import {
  Malformed,
  conversationOf,
  fields,
  flag,
  mapRowToConversation,
  mapRowToCoreMessage,
  mapWebSocketToConversation,
  mapWebSocketToCoreMessage,
  parseStatus,
  required,
  text,
} from './mapping.js';
import type { ClientConfig, ConversationNews, CoreMessage, ServerEvent, Source } from './types.js';
import { Conversations } from './useConversations.js';
import { Messages } from './useMessages.js';
import { Typing } from './useTyping.js';

export type Table = 'messages' | 'conversations';

export class Store {
  readonly messages: Messages;
  readonly conversations: Conversations;
  readonly typing = new Typing();
  readonly counters = { received: 0, duplicates: 0, malformed: 0, reconnects: 0 };
  /** What the server last said in an `error`. */
  lastError: string | null = null;

  private readonly workspaceId: string;
  private readonly userId: string;
  private lastSentAt = 0;
  /** The conversation of each own send, for answers that do not name it. */
  private readonly sentInto = new Map<string, string>();

  constructor(config: ClientConfig) {
    this.workspaceId = config.workspaceId;
    this.userId = config.userId;
    this.messages = new Messages(config.userId);
    this.conversations = new Conversations(config.workspaceId, config.whatsappNumberId);
  }

  /** An event of the socket. */
  pushed(event: ServerEvent, payload: unknown): void {
    this.counters.received++;
    if (!this.take(() => this.handlers[event](payload))) this.counters.duplicates++;
  }

  /** A row that Realtime told of. */
  pushedRow(table: Table, record: unknown): void {
    this.counters.received++;
    if (!this.take(() => this.row(table, record))) this.counters.duplicates++;
  }

  /** Messages that ChatEngine's HTTP interface answered. */
  history(payloads: unknown[]): void {
    for (const payload of payloads) this.take(() => this.handlers.message(payload));
  }

  /** Conversations that ChatEngine's HTTP interface answered. */
  list(payloads: unknown[]): void {
    for (const payload of payloads) this.take(() => this.handlers.conversation(payload));
  }

  /** Rows that PostgREST answered. */
  rows(table: Table, records: unknown[]): void {
    for (const record of records) this.take(() => this.row(table, record));
  }

  /** Show an own message at once (C-SND-1). */
  showOwn(
    conversationId: string,
    content: string,
    clientMessageId: string,
    replyToId: string | null,
  ): void {
    this.messages.track(conversationId);
    this.sentInto.set(clientMessageId, conversationId);
    // Two of one millisecond keep their order.
    this.lastSentAt = Math.max(Date.now(), this.lastSentAt + 1);
    const own: CoreMessage = {
      id: clientMessageId,
      conversationId,
      workspaceId: this.workspaceId,
      body: content,
      type: 'text',
      isOutgoing: true,
      status: 'sending',
      externalId: null,
      clientMessageId,
      mediaUrl: null,
      replyToId,
      sentByUserId: this.userId,
      errorMessage: null,
      createdAt: this.lastSentAt,
    };
    this.messages.add(own, 'own');
  }

  /** Each returns whether it told anything new. */
  private readonly handlers: Record<ServerEvent, (payload: unknown) => boolean> = {
    message: (payload) => {
      const message = mapWebSocketToCoreMessage(payload, this.workspaceId, this.userId);
      return this.add(message, 'chatengine', null);
    },
    messageStatus: (payload) => {
      const wire = fields(payload);
      const name = required(wire, 'messageId');
      const status = parseStatus(required(wire, 'status'));
      return status === null || this.messages.raiseStatus(name, status);
    },
    conversation: (payload) => this.learn(mapWebSocketToConversation(payload)),
    typing: (payload) => {
      const wire = fields(payload);
      const user = required(wire, 'userId');
      const isTyping = flag(wire, 'isTyping');
      if (user !== this.userId) this.typing.hear(required(wire, 'conversationId'), user, isTyping);
      return true;
    },
    messageSent: (payload) => {
      const wire = fields(payload);
      const message = required(wire, 'messageId');
      const client = text(wire, 'clientMessageId');
      if (client === null) return this.messages.raiseStatus(message, 'sent');
      return this.messages.handedOver(
        this.sentInto.get(client) ?? required(wire, 'conversationId'),
        client,
        message,
      );
    },
    error: (payload) => {
      const wire = fields(payload);
      const reason = required(wire, 'message');
      const client = text(wire, 'clientMessageId') ?? '';
      const conversation = this.sentInto.get(client) ?? text(wire, 'conversationId');
      this.lastError = reason;
      if (conversation && text(wire, 'type') === 'sendMessage')
        this.messages.fail(conversation, client, reason);
      return true;
    },
  };

  private row(table: Table, record: unknown): boolean {
    if (table === 'conversations') return this.learn(mapRowToConversation(record));
    const number = text(fields(record), 'whatsapp_number_id');
    return this.add(mapRowToCoreMessage(record, this.workspaceId), 'supabase', number);
  }

  private add(message: CoreMessage, source: Source, whatsappNumberId: string | null): boolean {
    if (message.workspaceId !== this.workspaceId) return true; // C-MSG-2
    const isNew = this.messages.add(message, source);
    return this.learn(conversationOf(message, whatsappNumberId)) || isNew;
  }

  private learn(news: ConversationNews): boolean {
    if (news.workspaceId !== null && news.workspaceId !== this.workspaceId) return true; // C-CNV-5
    return this.conversations.learn(news);
  }

  /** Drop and count what is malformed (C-MSG-7). */
  private take(handle: () => boolean): boolean {
    try {
      return handle();
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.counters.malformed++;
      return true;
    }
  }
}
