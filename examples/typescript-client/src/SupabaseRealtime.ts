/** Supabase Realtime while it is joined: a channel for each open conversation and for the list. */

import { createClient } from '@supabase/supabase-js';
import type { RealtimeChannel, RealtimeClientOptions, SupabaseClient } from '@supabase/supabase-js';
import WebSocket from 'ws';

import { LIST, quoted } from './history.js';
import type { Key } from './history.js';
import type { Table } from './store.js';
import { backoffMs } from './time.js';
import type { ClientConfig, Timing } from './types.js';

export interface RealtimeListener {
  /** Rows come from now on, or one came incomplete: what was missed is to be fetched. */
  missed(key: Key): void;
  /** Rows come no more. */
  lost(key: Key): void;
  row(table: Table, record: unknown): void;
}

interface Topic {
  name: string;
  filter: string;
  bindings: [event: 'INSERT' | 'UPDATE', table: Table][];
}

/** `connecting` is called for each WebSocket that Realtime makes. */
export function connectSupabase(
  { url, anonKey }: { url: string; anonKey: string },
  timing: Timing,
  connecting: () => void = () => {},
): SupabaseClient {
  /** Node 20 has no WebSocket; this one does not wait half a minute for a peer that is gone. */
  class Transport extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols, { closeTimeout: 1000 } as WebSocket.ClientOptions);
      connecting();
    }
  }
  return createClient(url, anonKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    db: { retry: false },
    realtime: {
      // ws types its events apart from the library's.
      transport: Transport as unknown as NonNullable<RealtimeClientOptions['transport']>,
      reconnectAfterMs: (tries: number) => backoffMs(tries - 1, timing),
      // The library's own throws where a frame cannot be read, which would end the process.
      decode: (frame, callback) => {
        try {
          const [join_ref, ref, topic, event, payload] = JSON.parse(String(frame));
          callback({ join_ref, ref, topic, event, payload });
        } catch (error) {
          console.error('a frame of Realtime that cannot be read:', error);
        }
      },
    },
  });
}

export class SupabaseRealtime {
  private readonly supabase: SupabaseClient;
  private readonly channels = new Map<Key, Channel>();
  private isLeft = false;

  constructor(
    endpoint: { url: string; anonKey: string },
    private readonly config: ClientConfig,
    private readonly listener: RealtimeListener,
  ) {
    this.supabase = connectSupabase(endpoint, config.timing, () => {
      // A reconnect that the library had begun before it was left ends here.
      if (this.isLeft) setImmediate(() => void this.supabase.realtime.disconnect());
    });
  }

  watch(key: Key): void {
    if (this.channels.has(key)) return;
    const topic = key === LIST ? listTopic(this.config) : conversationTopic(key);
    const channel = new Channel(this.supabase, key, topic, this.config.timing, this.listener);
    this.channels.set(key, channel);
    channel.join();
  }

  unwatch(key: Key): void {
    this.channels.get(key)?.leave();
    this.channels.delete(key);
  }

  /** Release every channel (C-FBK-3), and the socket, which the library would keep for 50 s. */
  async leave(): Promise<void> {
    this.isLeft = true;
    for (const key of [...this.channels.keys()]) this.unwatch(key);
    await this.supabase.realtime.disconnect();
  }

  isServing(key: Key): boolean {
    return this.channels.get(key)?.isServing ?? false;
  }

  get isComplete(): boolean {
    return this.channels.size > 0 && [...this.channels.values()].every((each) => each.isServing);
  }

  get lastError(): string | null {
    return [...this.channels.values()].find((each) => each.lastError)?.lastError ?? null;
  }
}

function listTopic({ workspaceId, whatsappNumberId: number }: ClientConfig): Topic {
  const filter: [string, string] =
    number === null ? ['workspace_id', workspaceId] : ['whatsapp_number_id', number];
  return {
    name: `conversations-${workspaceId}-${number ?? 'all'}`,
    filter: `${filter[0]}=eq.${quoted(filter[1])}`,
    bindings: [
      ['INSERT', 'conversations'],
      ['UPDATE', 'conversations'],
      ['INSERT', 'messages'],
    ],
  };
}

function conversationTopic(id: string): Topic {
  return {
    name: `messages-${id}`,
    filter: `conversation_id=eq.${quoted(id)}`,
    bindings: [
      ['INSERT', 'messages'],
      ['UPDATE', 'messages'],
    ],
  };
}

/** One channel, joined again after every end that the library does not mend by itself. */
class Channel {
  /** SUBSCRIBED comes before the database subscription is there, so it is `system` that counts. */
  isServing = false;
  lastError: string | null = null;

  private channel: RealtimeChannel | null = null;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private isLeft = false;

  constructor(
    private readonly supabase: SupabaseClient,
    private readonly key: Key,
    private readonly topic: Topic,
    private readonly timing: Timing,
    private readonly listener: RealtimeListener,
  ) {}

  join(): void {
    const channel = this.supabase.channel(this.topic.name);
    this.channel = channel;
    for (const [event, table] of this.topic.bindings) {
      const binding = { event, schema: 'public', table, filter: this.topic.filter };
      // The library types INSERT and UPDATE apart.
      channel.on('postgres_changes', binding as typeof binding & { event: 'INSERT' }, (change) => {
        const errors = change.errors as string[] | null; // what is too long comes without its text
        if (errors?.length) this.listener.missed(this.key);
        else this.listener.row(table, change.new);
      });
    }
    channel.on('system', {}, (said: { extension?: string; status?: string; message?: string }) => {
      if (said.status === 'error') this.refused(channel, said.message ?? 'refused');
      else if (said.extension === 'postgres_changes') this.served();
    });
    channel.subscribe((status, error) => {
      // After CHANNEL_ERROR and TIMED_OUT the library tries again, after CLOSED it does not.
      if (status === 'CLOSED') this.closed(channel);
      else if (status !== 'SUBSCRIBED') this.lost(error?.message ?? status);
    });
  }

  leave(): void {
    this.isLeft = true;
    clearTimeout(this.timer);
    if (this.channel) void this.supabase.removeChannel(this.channel);
  }

  private served(): void {
    this.failures = 0;
    this.isServing = true;
    this.lastError = null;
    this.listener.missed(this.key);
  }

  /** The channel would go on looking subscribed, and be deaf: removed, it is CLOSED. */
  private refused(channel: RealtimeChannel, cause: string): void {
    this.lost(cause);
    void this.supabase.removeChannel(channel);
  }

  private closed(channel: RealtimeChannel): void {
    if (this.isLeft || this.channel !== channel) return;
    this.channel = null;
    this.lost(this.lastError ?? 'the channel was closed');
    this.timer = setTimeout(() => this.join(), backoffMs(this.failures++, this.timing));
  }

  private lost(cause: string): void {
    if (this.isLeft) return;
    this.isServing = false;
    this.lastError = cause;
    this.listener.lost(this.key);
  }
}
