/** Supabase Realtime while it is joined: a channel for each open conversation, and one for the list. */

import { createClient } from '@supabase/supabase-js';
import type { RealtimeChannel, RealtimeClientOptions, SupabaseClient } from '@supabase/supabase-js';
import WebSocket from 'ws';

import { LIST, quoted } from './history.js';
import type { Key } from './history.js';
import type { Table } from './store.js';
import { backoffMs } from './time.js';
import type { ClientConfig, Timing } from './types.js';

export interface RealtimeListener {
  /** Rows of a key come from now on; what came before is to be fetched. */
  serving(key: Key): void;
  /** Rows of a key come no more. */
  lost(key: Key): void;
  /** A row came incomplete: fetch it. */
  incomplete(key: Key): void;
  row(table: Table, record: unknown): void;
  malformed(): void;
}

type Binding = [event: 'INSERT' | 'UPDATE', table: Table];

/** Node 20 has no WebSocket of its own; this one does not wait half a minute for a peer that is gone. */
class Transport extends WebSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(address, protocols, { closeTimeout: 1000 } as WebSocket.ClientOptions);
  }
}

/** `decode`: realtime-js throws where a frame cannot be read, which would end the process. */
export function connectSupabase(
  { url, anonKey }: { url: string; anonKey: string },
  timing: Timing,
  malformed: () => void = () => {},
): SupabaseClient {
  return createClient(url, anonKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    db: { retry: false },
    realtime: {
      transport: Transport as unknown as NonNullable<RealtimeClientOptions['transport']>, // ws types its events apart
      reconnectAfterMs: (tries: number) => backoffMs(tries - 1, timing),
      decode: (frame, callback) => {
        try {
          const [join_ref, ref, topic, event, payload] = JSON.parse(String(frame));
          callback({ join_ref, ref, topic, event, payload });
        } catch {
          malformed();
        }
      },
    },
  });
}

export class SupabaseRealtime {
  /** Every channel serves, but for those only just opened. */
  isUp = false;
  lastError: string | null = null;

  private readonly supabase: SupabaseClient;
  private readonly subscriptions = new Map<Key, Subscription>();

  constructor(
    endpoint: { url: string; anonKey: string },
    private readonly config: ClientConfig,
    private readonly listener: RealtimeListener,
  ) {
    this.supabase = connectSupabase(endpoint, config.timing, () => listener.malformed());
  }

  watch(key: Key): void {
    if (this.subscriptions.has(key)) return;
    const [name, filter, bindings] = key === LIST ? this.listTopic() : conversationTopic(key);
    const subscription = new Subscription(
      this.supabase,
      name,
      filter,
      bindings,
      this.config.timing,
      {
        serving: () => this.serving(key),
        lost: (cause) => this.lost(key, cause),
        incomplete: () => this.listener.incomplete(key),
        row: (table, record) => this.listener.row(table, record),
      },
    );
    this.subscriptions.set(key, subscription);
    subscription.join();
  }

  unwatch(key: Key): void {
    this.subscriptions.get(key)?.leave();
    this.subscriptions.delete(key);
    this.look();
  }

  /** Release every channel (C-FBK-3), and the socket, which supabase-js would keep for 50 s. */
  async leave(): Promise<void> {
    for (const subscription of this.subscriptions.values()) subscription.leave();
    this.subscriptions.clear();
    this.isUp = false;
    await this.supabase.realtime.disconnect();
  }

  isServing(key: Key): boolean {
    return this.subscriptions.get(key)?.isServing ?? false;
  }

  private serving(key: Key): void {
    this.look();
    this.listener.serving(key);
  }

  private lost(key: Key, cause: string): void {
    this.isUp = false;
    this.lastError = cause;
    this.listener.lost(key);
  }

  private look(): void {
    const all = [...this.subscriptions.values()];
    if (!all.every((each) => each.isServing)) return;
    this.isUp = all.length > 0;
    this.lastError = null;
  }

  private listTopic(): [string, string, Binding[]] {
    const { workspaceId, whatsappNumberId } = this.config;
    const [which, filter] =
      whatsappNumberId === null
        ? ['all', `workspace_id=eq.${quoted(workspaceId)}`]
        : [whatsappNumberId, `whatsapp_number_id=eq.${quoted(whatsappNumberId)}`];
    const bindings: Binding[] = [
      ['INSERT', 'conversations'],
      ['UPDATE', 'conversations'],
      ['INSERT', 'messages'],
    ];
    return [`conversations-${workspaceId}-${which}`, filter, bindings];
  }
}

function conversationTopic(id: string): [string, string, Binding[]] {
  return [
    `messages-${id}`,
    `conversation_id=eq.${quoted(id)}`,
    [
      ['INSERT', 'messages'],
      ['UPDATE', 'messages'],
    ],
  ];
}

/** One channel, joined again after every end that realtime-js does not mend by itself. */
class Subscription {
  /** SUBSCRIBED comes before the database subscription is there, so it is `system` that counts. */
  isServing = false;

  private channel: RealtimeChannel | null = null;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private isLeft = false;

  constructor(
    private readonly supabase: SupabaseClient,
    private readonly name: string,
    private readonly filter: string,
    private readonly bindings: Binding[],
    private readonly timing: Timing,
    private readonly told: {
      serving(): void;
      lost(cause: string): void;
      incomplete(): void;
      row(table: Table, record: unknown): void;
    },
  ) {}

  join(): void {
    const channel = this.supabase.channel(this.name);
    this.channel = channel;
    for (const [event, table] of this.bindings) {
      const binding = { event, schema: 'public', table, filter: this.filter };
      // One signature for INSERT and UPDATE, which the library types apart.
      channel.on('postgres_changes', binding as { event: 'INSERT'; schema: string }, (change) => {
        const errors: unknown = change.errors;
        if (Array.isArray(errors) && errors.length > 0) this.told.incomplete();
        else this.told.row(table, change.new);
      });
    }
    channel.on('system', {}, (said: { extension?: string; status?: string; message?: string }) => {
      if (said.extension === 'postgres_changes' && said.status === 'ok') this.served();
      // It would go on looking subscribed, and be deaf: removed, it is CLOSED, and joined again.
      else if (said.status === 'error') this.refused(channel, said.message ?? 'refused');
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
    this.told.serving();
  }

  private refused(channel: RealtimeChannel, cause: string): void {
    this.lost(cause);
    void this.supabase.removeChannel(channel);
  }

  private closed(channel: RealtimeChannel): void {
    if (this.isLeft || this.channel !== channel) return;
    this.channel = null;
    this.lost('the channel was closed');
    this.timer = setTimeout(() => this.join(), backoffMs(this.failures++, this.timing));
  }

  private lost(cause: string): void {
    this.isServing = false;
    if (!this.isLeft) this.told.lost(cause);
  }
}
