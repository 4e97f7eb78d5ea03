/** A CRM client: one agent's view of a workspace, whichever source serves it. */

import { Gaps } from './backfill.js';
import { Sending } from './sending.js';
import { Session } from './Session.js';
import { Store } from './store.js';
import type { ClientConfig, Connection } from './types.js';
import { OpenConversations } from './useWebSocket.js';

const NOT_STARTED: Connection = {
  isEnabled: false,
  isConnected: false,
  source: 'none',
  state: 'disconnected',
  lastError: null,
};

export class ConversationProvider {
  store: Store;

  private gaps: Gaps;
  private readonly opened = new OpenConversations();
  private session: Session | null = null;
  private sending: Sending;

  constructor(private config: ClientConfig) {
    this.store = new Store(config);
    this.gaps = new Gaps(this.store);
    this.sending = new Sending(this.store, () => this.session);
  }

  /** Connecting goes on in the background. */
  start(): void {
    this.session = new Session(this.config, this.store, this.gaps, this.opened);
    this.session.start();
  }

  /** Take another configuration over; what is shown stays, unless it is another's. */
  async configure(config: ClientConfig): Promise<void> {
    const before = this.session?.stop();
    const identity = ['workspaceId', 'userId', 'whatsappNumberId'] as const;
    if (identity.some((field) => config[field] !== this.config[field])) {
      this.store = new Store(config);
      this.gaps = new Gaps(this.store);
      for (const conversationId of this.opened) this.store.messages.track(conversationId);
      this.sending = new Sending(this.store, () => this.session);
    }
    this.config = config;
    this.start();
    await before;
  }

  /** Afterwards there is no socket, no timer and no traffic (C-CONN-7). */
  async stop(): Promise<void> {
    const { session } = this;
    this.session = null;
    this.store.typing.clearAll();
    await session?.stop();
  }

  open(conversationId: string): void {
    this.store.messages.track(conversationId);
    if (this.opened.open(conversationId)) this.session?.follow(conversationId);
  }

  /** What it shows stays, to be shown at once when it is opened again (C-CAC-1). */
  close(conversationId: string): void {
    if (!this.opened.close(conversationId)) return;
    this.store.typing.clear(conversationId);
    this.session?.unfollow(conversationId);
  }

  /** The same client id in the same conversation is the same send. */
  send(
    conversationId: string,
    content: string,
    clientMessageId: string,
    replyToMessageId: string | null,
  ): void {
    if (this.store.messages.has(conversationId, clientMessageId)) return;
    this.store.showOwn(conversationId, content, clientMessageId, replyToMessageId);
    void this.sending.begin({ conversationId, content, clientMessageId, replyToMessageId });
  }

  emitTyping(conversationId: string, isTyping: boolean): void {
    this.session?.websocket?.client.emitTyping(conversationId, isTyping);
  }

  get connection(): Connection {
    return this.session?.connection ?? NOT_STARTED;
  }
}
