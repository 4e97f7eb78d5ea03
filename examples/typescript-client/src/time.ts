/** Pauses that end early when they are not wanted any more. */

import type { Timing } from './types.js';

export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

/** Doubled with each failure, and jittered downwards, so that the longest stays the longest. */
export function backoffMs(failures: number, timing: Timing): number {
  const delay = Math.min(
    timing.reconnectDelayMaxMs,
    timing.reconnectDelayMs * 2 ** Math.min(failures, 20),
  );
  return delay * (0.5 + Math.random() / 2);
}
