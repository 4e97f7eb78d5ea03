/** One configured ChatEngine: its socket, its HTTP interface, and the token for both. */

import { Backfill } from './backfill.js';
import type { Gaps } from './backfill.js';
import { ChatEngineApi, LIST } from './history.js';
import type { Key } from './history.js';
import type { Store } from './store.js';
import type { ClientConfig, TokenConfig } from './types.js';
import { mintChatEngineJwt } from './useChatEngineJwt.js';
import { WebSocketClient } from './WebSocketClient.js';

export interface ContextListener {
  /** The connection is up; what is open is to be followed. */
  connected(): void;
  lost(): void;
  /** Everything that is followed is complete. */
  complete(): void;
}

export class WebSocketContext {
  readonly client: WebSocketClient;
  readonly api: ChatEngineApi;
  readonly backfill: Backfill;

  constructor(
    endpoint: { url: string; path: string },
    token: TokenConfig,
    { workspaceId, userId, timing }: ClientConfig,
    store: Store,
    gaps: Gaps,
    listener: ContextListener,
  ) {
    const mint = () => mintChatEngineJwt(token, workspaceId, userId);
    this.api = new ChatEngineApi(endpoint.url, mint, store);
    this.backfill = new Backfill(this.api, gaps, timing, () => {
      if (this.backfill.isIdle) listener.complete();
    });
    this.client = new WebSocketClient(endpoint, () => ({ token: mint(), workspaceId }), timing, {
      connected: () => listener.connected(),
      lost: () => {
        this.backfill.stopAll();
        listener.lost();
      },
      event: (name, payload) => store.pushed(name, payload),
    });
  }

  get isConnected(): boolean {
    return this.client.isConnected;
  }

  /** Subscribe, then fetch what was missed: in this order, so that nothing falls between. */
  follow(key: Key): void {
    if (!this.isConnected) return; // all that is open is followed at the next connection (C-SUB-2)
    this.backfill.start(key, true, () =>
      key === LIST ? Promise.resolve() : this.client.subscribe(key),
    );
  }

  unfollow(conversationId: string): void {
    this.backfill.stop(conversationId);
    this.client.unsubscribe(conversationId);
  }

  stop(): void {
    this.backfill.stopAll();
    this.client.disconnect();
  }
}
