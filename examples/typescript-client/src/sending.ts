/** Own messages on their way out: over the socket, else over HTTP (C-SND-3). */

import { HttpError } from './history.js';
import type { Send } from './history.js';
import type { Session } from './Session.js';
import type { Store } from './store.js';
import { backoffMs, sleep } from './time.js';

/** Until a send without an answer has failed; C-SND-4 allows 10 s. */
const SEND_MS = 8000;
/** What of it the socket has to itself; then the same send goes over HTTP. */
const SOCKET_MS = 2500;
/** How often it is looked whether an answer came, from whichever source. */
const LOOK_MS = 20;
/** After these another attempt may fare better. A 502 is none: the provider refused the message. */
const PASSING = [401, 408, 425, 429, 500, 503, 504];

export class Sending {
  /** Sends over HTTP go one after the other, so that none overtakes another. */
  private line: Promise<unknown> = Promise.resolve();
  private inLine = 0;

  /** `session` gives the one that runs at that moment, null for none. */
  constructor(
    private readonly store: Store,
    private readonly session: () => Session | null,
  ) {}

  /** Carry a send out that shows already; it ends as sent or more, or as failed (C-SND-4). */
  async begin(send: Send): Promise<void> {
    const clock = AbortSignal.timeout(SEND_MS);
    await this.overSocket(send);
    const reason = await this.inTurn(() => this.overHttp(send, clock));
    if (this.isPending(send))
      this.store.messages.fail(send.conversationId, send.clientMessageId, reason);
  }

  private async overSocket(send: Send): Promise<void> {
    const session = this.session();
    const client = session?.websocket?.client;
    if (!session || !client?.isConnected || this.inLine > 0) return;
    const { conversationId, content, clientMessageId, replyToMessageId } = send;
    client.sendMessage({
      type: 'sendMessage',
      conversationId,
      content,
      messageId: clientMessageId,
      ...(replyToMessageId === null ? {} : { replyToMessageId }),
      timestamp: new Date().toISOString(),
    });
    const share = AbortSignal.any([session.signal, AbortSignal.timeout(SOCKET_MS)]);
    while (client.isConnected && this.isPending(send) && !share.aborted)
      await sleep(LOOK_MS, share);
  }

  private async inTurn<T>(job: () => Promise<T>): Promise<T> {
    this.inLine++;
    const turn = this.line.then(job);
    this.line = turn.finally(() => this.inLine--);
    return turn;
  }

  /** Returns why it failed, where it did. */
  private async overHttp(send: Send, clock: AbortSignal): Promise<string> {
    for (let failures = 0; this.isPending(send) && !clock.aborted; failures++) {
      const session = this.session();
      if (!session?.websocket) return 'there is no ChatEngine that could send it';
      const life = AbortSignal.any([session.signal, clock]);
      try {
        this.answered(send, await session.websocket.api.send(send, life));
      } catch (error) {
        if (error instanceof HttpError && !PASSING.includes(error.status)) return error.message;
        await sleep(backoffMs(failures, session.config.timing), life);
      }
    }
    return 'nobody confirmed it in time';
  }

  private answered(send: Send, message: unknown): void {
    const id = (message as { id?: unknown } | null)?.id;
    if (typeof id !== 'string') throw new Error('an answer that is no message');
    this.store.messages.handedOver(send.conversationId, send.clientMessageId, id);
    this.store.history([message]);
  }

  private isPending(send: Send): boolean {
    return this.store.messages.isUnconfirmed(send.conversationId, send.clientMessageId);
  }
}
