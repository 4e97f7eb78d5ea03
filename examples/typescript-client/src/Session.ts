/**
 * The connections of one configuration, and which of them serves.
 *
 * While the socket is up it serves. When it is lost it has a short grace; then Supabase Realtime is
 * joined, and HTTP is polled for as long as neither serves. When the socket is back, Realtime is
 * released once the gap is closed, so that nothing falls between (C-FBK-*).
 */

import { Backfill } from './backfill.js';
import type { Gaps } from './backfill.js';
import { LIST, SupabaseHistory } from './history.js';
import type { Key } from './history.js';
import type { Store } from './store.js';
import { SupabaseRealtime, connectSupabase } from './SupabaseRealtime.js';
import { sleep } from './time.js';
import type { ClientConfig, Connection } from './types.js';
import { WebSocketContext } from './WebSocketContext.js';

/** Until Realtime is released after the socket's return, at the latest; C-FBK-3 allows 5 s. */
const RELEASE_MS = 3000;

export class Session {
  readonly websocket: WebSocketContext | null = null;

  private readonly supabase: { history: SupabaseHistory; backfill: Backfill } | null = null;
  private readonly life = new AbortController();
  private realtime: SupabaseRealtime | null = null;
  private leaving: Promise<unknown> = Promise.resolve();
  /** Of the grace, or of the release: never of both. */
  private timer: NodeJS.Timeout | undefined;
  private polling: AbortController | null = null;
  private isPollAnswered = false;
  private isRealtimeServing = false;
  private hasConnected = false;

  constructor(
    readonly config: ClientConfig,
    private readonly store: Store,
    private readonly gaps: Gaps,
    private readonly opened: Iterable<string>,
  ) {
    const { chatengine, supabase, token, timing, workspaceId, whatsappNumberId } = config;
    if (chatengine && token) {
      this.websocket = new WebSocketContext(chatengine, token, config, store, gaps, {
        connected: () => this.socketUp(),
        lost: () => this.socketDown(),
        complete: () => this.release(),
      });
    }
    if (supabase) {
      const history = new SupabaseHistory(
        connectSupabase(supabase, timing),
        store,
        workspaceId,
        whatsappNumberId,
      );
      this.supabase = {
        history,
        backfill: new Backfill(history, gaps, timing, () => this.rowsFetched()),
      };
    }
  }

  /** Aborted when the session ends. */
  get signal(): AbortSignal {
    return this.life.signal;
  }

  start(): void {
    for (const key of this.keys()) this.gaps.begin(key);
    this.websocket?.client.connect();
    this.timer = setTimeout(
      () => this.fallBack(),
      this.websocket ? this.config.timing.fallbackAfterMs : 0,
    );
  }

  async stop(): Promise<void> {
    this.life.abort();
    clearTimeout(this.timer);
    this.stopPolling();
    this.websocket?.stop();
    this.leaveRealtime();
    for (const key of this.keys()) this.gaps.begin(key);
    await this.leaving;
  }

  /** A conversation was opened. */
  follow(conversationId: string): void {
    this.gaps.begin(conversationId);
    this.websocket?.follow(conversationId);
    this.watch(conversationId);
  }

  /** It is not open any more. */
  unfollow(conversationId: string): void {
    this.websocket?.unfollow(conversationId);
    this.supabase?.backfill.stop(conversationId);
    this.realtime?.unwatch(conversationId);
    this.gaps.begin(conversationId);
    this.rowsFetched(); // it may have been the last one that was missing
  }

  get connection(): Connection {
    const { websocket, realtime, supabase } = this;
    const errors = [
      websocket?.client.lastError,
      websocket?.backfill.lastError,
      realtime?.lastError,
      supabase?.backfill.lastError,
    ];
    return {
      isEnabled: this.config.chatengine !== null,
      isConnected: websocket?.isConnected ?? false,
      source: this.source,
      state:
        websocket?.client.state ??
        (supabase ? (this.isRealtimeServing ? 'connected' : 'connecting') : 'disconnected'),
      lastError: errors.find((error) => error) ?? this.store.lastError,
    };
  }

  private get source(): Connection['source'] {
    if (this.websocket?.isConnected) return 'websocket';
    if (this.isRealtimeServing) return 'supabase';
    return this.isPollAnswered ? 'polling' : 'none';
  }

  private keys(): Key[] {
    return [LIST, ...this.opened];
  }

  // The socket

  private socketUp(): void {
    clearTimeout(this.timer);
    this.stopPolling();
    if (this.hasConnected) this.store.counters.reconnects++;
    this.hasConnected = true;
    for (const key of this.keys()) this.websocket?.follow(key);
    if (this.realtime) this.timer = setTimeout(() => this.release(), RELEASE_MS);
  }

  private socketDown(): void {
    clearTimeout(this.timer);
    for (const key of this.keys()) this.gaps.begin(key);
    if (this.realtime)
      this.startPolling(); // it was not released yet, and missed nothing
    else this.timer = setTimeout(() => this.fallBack(), this.config.timing.fallbackAfterMs);
  }

  // Supabase

  private fallBack(): void {
    const { supabase } = this.config;
    if (supabase) {
      this.realtime = new SupabaseRealtime(supabase, this.config, {
        lost: (key) => this.realtimeLost(key),
        missed: (key) => this.fetchRows(key),
        row: (table, record) => this.store.pushedRow(table, record),
      });
      for (const key of this.keys()) this.watch(key);
    }
    this.startPolling();
  }

  /** What there is shows at once; what comes until the channel serves is fetched when it does. */
  private watch(key: Key): void {
    if (!this.realtime) return;
    this.realtime.watch(key);
    this.fetchRows(key);
  }

  /**
   * With a ChatEngine the gap stays until its own history has closed it: Realtime delivers at most
   * once. Without one, it ends while the channel serves.
   */
  private fetchRows(key: Key): void {
    const endsGap = this.websocket === null && (this.realtime?.isServing(key) ?? false);
    this.supabase?.backfill.start(key, endsGap);
  }

  /** Realtime serves once what came before is there too, or cannot be had. */
  private rowsFetched(): void {
    const { realtime, supabase } = this;
    if (realtime?.isComplete && (supabase?.backfill.isIdle || supabase?.backfill.lastError))
      this.isRealtimeServing = true;
  }

  private realtimeLost(key: Key): void {
    this.isRealtimeServing = false;
    this.supabase?.backfill.stop(key);
    if (this.websocket === null) this.gaps.begin(key);
  }

  private release(): void {
    if (!this.websocket?.isConnected) return;
    clearTimeout(this.timer);
    this.leaveRealtime();
  }

  private leaveRealtime(): void {
    this.supabase?.backfill.stopAll();
    this.leaving = Promise.all([this.leaving, this.realtime?.leave()]);
    this.realtime = null;
    this.isRealtimeServing = false;
  }

  // Polling

  private startPolling(): void {
    this.stopPolling();
    this.polling = new AbortController();
    void this.poll(this.polling.signal);
  }

  private stopPolling(): void {
    this.polling?.abort();
    this.polling = null;
    this.isPollAnswered = false;
  }

  private async poll(signal: AbortSignal): Promise<void> {
    const { pollIntervalMs } = this.config.timing;
    if (this.realtime) await sleep(pollIntervalMs, signal);
    while (!signal.aborted) {
      const isAnswered = !this.isRealtimeServing && (await this.pollOnce(signal));
      if (signal.aborted) return;
      this.isPollAnswered = isAnswered;
      await sleep(pollIntervalMs, signal);
    }
  }

  /** Ask ChatEngine, else Supabase, for what is new. */
  private async pollOnce(signal: AbortSignal): Promise<boolean> {
    const histories = [this.websocket?.api, this.supabase?.history].filter(
      (each) => each !== undefined,
    );
    const [primary] = histories;
    for (const history of histories) {
      try {
        const keys = this.keys();
        await Promise.all(keys.map((key) => history.fetch(key, this.gaps.since(key), signal)));
        if (history === primary && !signal.aborted) keys.forEach((key) => this.gaps.advance(key));
        return true;
      } catch {
        // The next one may answer, or the next poll.
      }
    }
    return false;
  }
}
