/** Fetching what was missed: from ChatEngine over HTTP, or from Supabase through PostgREST. */

import type { SupabaseClient } from '@supabase/supabase-js';

import type { Store } from './store.js';

/** The contract's page where none is asked for; its largest is 500. */
const LATEST = 100;
const PAGE = 500;
/** Supabase gives at most 1,000 rows at once. */
const ROWS = 200;
const REQUEST_MS = 5000;

/** The list of conversations, where a conversation's id could stand. */
export const LIST = Symbol('the list of conversations');
export type Key = string | typeof LIST;

/** Hands over what was written since a moment (milliseconds); throws where it cannot be fetched. */
export interface History {
  fetch(key: Key, since: number, signal: AbortSignal): Promise<void>;
}

/** An own message on its way out. */
export interface Send {
  conversationId: string;
  content: string;
  clientMessageId: string;
  replyToMessageId: string | null;
}

/** A request of ChatEngine's HTTP interface that was answered with an error. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(`ChatEngine answered ${status}: ${reason}`);
  }
}

/** ChatEngine over HTTP (contract, section 4). */
export class ChatEngineApi implements History {
  constructor(
    private readonly url: string,
    private readonly token: () => string,
    private readonly store: Store,
  ) {}

  /**
   * The latest page is always fetched: a message that came late may have been written long ago.
   * Where it does not reach back to `since`, the pages from there on are, oldest first.
   */
  async fetch(key: Key, since: number, signal: AbortSignal): Promise<void> {
    if (key === LIST) {
      this.store.list(asList(await this.call('conversations', signal)));
      return;
    }
    const query = `messages?conversationId=${encodeURIComponent(key)}`;
    const latest = asList(await this.call(`${query}&limit=${LATEST}`, signal));
    this.store.history(latest);
    if (latest.length < LATEST || Math.min(...moments(latest, 'createdAt')) < since) return;
    for (let from = since; ;) {
      const page = asList(
        await this.call(`${query}&since=${new Date(from).toISOString()}&limit=${PAGE}`, signal),
      );
      this.store.history(page);
      const last = Math.max(...moments(page, 'createdAt'));
      if (page.length < LATEST || last <= from) return;
      from = last;
    }
  }

  /** Send a text; repeated with the same client id it is the same send. Returns the message. */
  send({ replyToMessageId, ...send }: Send, signal: AbortSignal): Promise<unknown> {
    const reply = replyToMessageId === null ? {} : { replyToMessageId };
    return this.call('messages', signal, { type: 'text', ...send, ...reply });
  }

  private async call(path: string, signal: AbortSignal, body?: object): Promise<unknown> {
    const answer = await fetch(`${this.url.replace(/\/+$/, '')}/api/chat/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { Authorization: `Bearer ${this.token()}`, 'Content-Type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
    });
    if (!answer.ok) throw new HttpError(answer.status, (await answer.text()).slice(0, 200));
    return answer.json();
  }
}

/** Supabase through PostgREST (contract, section 6), newest first. */
export class SupabaseHistory implements History {
  constructor(
    private readonly supabase: SupabaseClient,
    private readonly store: Store,
    private readonly workspaceId: string,
    private readonly whatsappNumberId: string | null,
  ) {}

  async fetch(key: Key, since: number, signal: AbortSignal): Promise<void> {
    if (key === LIST) {
      await this.conversations(signal);
      // A row of the list has no preview, its newest messages have.
      await this.messages('workspace_id', this.workspaceId, since, signal);
    } else {
      await this.messages('conversation_id', key, since, signal);
    }
  }

  private async messages(
    column: string,
    value: string,
    since: number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let offset = 0; ; offset += ROWS) {
      const query = this.supabase.from('messages').select('*').eq(column, value);
      const ordered = query
        .order('created_at', { ascending: false })
        .order('id', { ascending: false });
      const page = await answered(
        ordered.range(offset, offset + ROWS - 1).abortSignal(within(signal)),
      );
      this.store.rows('messages', page);
      if (page.length < ROWS || Math.min(...moments(page, 'created_at')) < since) return;
    }
  }

  private async conversations(signal: AbortSignal): Promise<void> {
    const query = this.supabase
      .from('conversations')
      .select('*')
      .eq('workspace_id', this.workspaceId);
    const ordered = query.order('last_message_at', { ascending: false, nullsFirst: false });
    const number = quoted(this.whatsappNumberId ?? '');
    const chosen =
      this.whatsappNumberId === null
        ? ordered
        : ordered.or(`whatsapp_number_id.eq.${number},whatsapp_number_id.is.null`);
    this.store.rows('conversations', await answered(chosen.abortSignal(within(signal))));
  }
}

/** A filter's value, quoted where a comma or the like would end it. */
export function quoted(value: string): string {
  return /^[\w@.:+-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]);
}

async function answered(
  query: PromiseLike<{ data: unknown; error: { message: string } | null }>,
): Promise<unknown[]> {
  const { data, error } = await query;
  if (error) throw new Error(`Supabase: ${error.message}`);
  return asList(data);
}

function asList(answer: unknown): unknown[] {
  if (!Array.isArray(answer)) throw new Error('an answer that is no list');
  return answer;
}

/** What has no moment is malformed, which the store counts. */
function moments(page: unknown[], field: string): number[] {
  const found = page.map((each) =>
    Date.parse(String((each as Record<string, unknown> | null)?.[field])),
  );
  return found.filter((at) => !Number.isNaN(at));
}
