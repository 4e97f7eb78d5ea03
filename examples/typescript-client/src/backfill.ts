/** Nothing is lost: what may be missing is fetched, as often as it takes (C-FBK-4). */

import type { History, Key } from './history.js';
import { LIST } from './history.js';
import type { Store } from './store.js';
import { backoffMs, sleep } from './time.js';
import type { Timing } from './types.js';

/** How far before a gap its messages may have been written; also for clocks that differ. */
const OVERLAP_MS = 60_000;

/**
 * Since when something may be missing. A gap begins with a loss, or with the newest message known
 * then, as a half-open connection was deaf before its loss is noticed. Only a fetch ends it.
 */
export class Gaps {
  private readonly began = new Map<Key, number>();

  constructor(private readonly store: Store) {}

  begin(key: Key): void {
    if (!this.began.has(key)) this.began.set(key, this.newest(key));
  }

  /** All that was written until now is known, but nothing tells what comes. */
  advance(key: Key): void {
    this.began.set(key, this.newest(key));
  }

  end(key: Key): void {
    this.began.delete(key);
  }

  /** From when on to fetch: our own messages that are not read yet may have missed a status. */
  since(key: Key): number {
    const began = this.began.get(key) ?? Date.now();
    const unread = key === LIST ? Infinity : this.store.messages.oldestUnread(key);
    return Math.max(0, Math.min(began - OVERLAP_MS, unread));
  }

  private newest(key: Key): number {
    const newest = key === LIST ? undefined : this.store.messages.of(key)[0];
    return Math.min(Date.now(), newest?.createdAt ?? Infinity);
  }
}

/** The fetches of one source, each tried until it succeeds or is not wanted any more. */
export class Backfill {
  /** Why the last attempt failed, if it did. */
  lastError: string | null = null;

  private readonly running = new Map<Key, AbortController>();

  /** `tried` is called after each attempt. */
  constructor(
    private readonly history: History,
    private readonly gaps: Gaps,
    private readonly timing: Timing,
    private readonly tried: () => void,
  ) {}

  get isIdle(): boolean {
    return this.running.size === 0;
  }

  /** Fetch, once `ready` has resolved; `endsGap` where the source tells what comes from then on. */
  start(key: Key, endsGap: boolean, ready: () => Promise<void> = async () => {}): void {
    this.stop(key);
    const life = new AbortController();
    this.running.set(key, life);
    void this.untilFetched(key, endsGap, ready, life.signal);
  }

  stop(key: Key): void {
    this.running.get(key)?.abort();
    this.running.delete(key);
  }

  stopAll(): void {
    for (const key of [...this.running.keys()]) this.stop(key);
    this.lastError = null;
  }

  private async untilFetched(
    key: Key,
    endsGap: boolean,
    ready: () => Promise<void>,
    life: AbortSignal,
  ): Promise<void> {
    await ready();
    for (let failures = 0; !life.aborted; failures++) {
      try {
        await this.history.fetch(key, this.gaps.since(key), life);
        if (!life.aborted) this.succeeded(key, endsGap);
        return;
      } catch (error) {
        if (life.aborted) return;
        this.lastError = String(error);
        this.tried();
        await sleep(backoffMs(failures, this.timing), life);
      }
    }
  }

  private succeeded(key: Key, endsGap: boolean): void {
    if (endsGap) this.gaps.end(key);
    this.running.delete(key);
    this.lastError = null;
    this.tried();
  }
}
