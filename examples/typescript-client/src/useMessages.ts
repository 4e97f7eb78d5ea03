/** Which copies are one message, what it shows, and its status, whatever the order of arrival. */

import { providerName } from './mapping.js';
import { SOURCES, STATUS_ORDER } from './types.js';
import type { CoreMessage, MessageStatus, Source } from './types.js';

/** Statuses that wait for their message (C-STA-2); beyond it the oldest is given up. */
const MOST_EARLY = 10_000;

/** Messages whose missing acknowledgements a backfill reaches back for. */
const BACKFILL_LOOKS_AT = 300;

/** One message: its names, the copy of each source, and the highest status seen under any name. */
interface Entry {
  names: Set<string>;
  copies: Partial<Record<Source, CoreMessage>>;
  status: MessageStatus;
  reason: string | null;
}

export class Messages {
  private readonly byName = new Map<string, Entry>();
  private readonly early = new Set<Entry>();
  private readonly conversations = new Map<string, Set<Entry>>();

  /** `userId`: whose client ids are ours. */
  constructor(private readonly userId: string) {}

  /** Keep a conversation's messages from now on; those of others are not kept. */
  track(conversationId: string): void {
    if (!this.conversations.has(conversationId)) this.conversations.set(conversationId, new Set());
  }

  get tracked(): Iterable<string> {
    return this.conversations.keys();
  }

  /** Take in a copy of a message; returns false where it told nothing new. */
  add(copy: CoreMessage, source: Source): boolean {
    const conversation = this.conversations.get(copy.conversationId);
    if (conversation === undefined) return true; // not kept, so not known
    const { conversationId, clientMessageId, sentByUserId } = copy;
    const client =
      clientMessageId && this.clientName(conversationId, clientMessageId, sentByUserId);
    const entry = this.entryOf(strongNames(copy, source), client, copy.externalId);
    const before = JSON.stringify(shown(entry));
    const known = entry.copies[source];
    entry.copies[source] = known ? filled({ ...copy, body: copy.body || known.body }, known) : copy;
    entry.status = higher(entry.status, copy.status);
    this.early.delete(entry);
    if (before === undefined) conversation.add(entry);
    return JSON.stringify(shown(entry)) !== before;
  }

  /** Take in a status, by id or provider id, also before its message (C-STA-2, C-STA-3). */
  raiseStatus(name: string, status: MessageStatus): boolean {
    return this.raise(this.entryOf([providerName(name)], null, null), status);
  }

  /** An own send was handed to the provider as the message `messageId`. */
  handedOver(conversationId: string, clientId: string, messageId: string): boolean {
    const client = this.clientName(conversationId, clientId);
    const provider = messageId.startsWith('evo-') ? messageId : null;
    return this.raise(this.entryOf([providerName(messageId)], client, provider), 'sent');
  }

  /** An own send failed. */
  fail(conversationId: string, clientId: string, reason: string): void {
    const entry = this.byName.get(this.clientName(conversationId, clientId));
    if (entry === undefined) return;
    entry.reason = reason;
    this.raise(entry, 'failed');
  }

  /** Whether an own send is known. */
  has(conversationId: string, clientId: string): boolean {
    return this.byName.has(this.clientName(conversationId, clientId));
  }

  /** Whether nobody has said yet what became of an own send. */
  isUnconfirmed(conversationId: string, clientId: string): boolean {
    const entry = this.byName.get(this.clientName(conversationId, clientId));
    return entry?.status === 'sending' && !entry.copies.chatengine && !entry.copies.supabase;
  }

  /** A conversation's messages, newest first (C-MSG-5). */
  of(conversationId: string): CoreMessage[] {
    const entries = [...(this.conversations.get(conversationId) ?? [])];
    const messages = entries.map(shown).filter((message) => message !== undefined);
    return messages.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  }

  /** When the oldest of our recent messages was written that is not read yet. */
  oldestUnread(conversationId: string): number {
    const recent = this.of(conversationId).slice(0, BACKFILL_LOOKS_AT);
    const unread = recent.filter((message) => message.isOutgoing && message.status !== 'read');
    return Math.min(...unread.map((message) => message.createdAt));
  }

  private raise(entry: Entry, status: MessageStatus): boolean {
    const before = entry.status;
    entry.status = higher(before, status);
    return entry.status !== before;
  }

  /** The entry under these names. Two messages of the provider are two, whatever the client id. */
  private entryOf(names: string[], client: string | null, provider: string | null): Entry {
    const found = new Set(names.flatMap((name) => this.byName.get(name) ?? []));
    const own = client === null ? undefined : this.byName.get(client);
    const known = [
      ...(provider === null ? [] : [providerName(provider)]),
      ...[...found].flatMap(providers),
    ];
    const isOther =
      own !== undefined && providers(own).some((id) => known.length > 0 && !known.includes(id));
    if (own !== undefined && !isOther) found.add(own);
    const [entry = this.newEntry(), ...others] = found;
    for (const other of others) this.unite(entry, other);
    this.bind(entry, client === null || isOther ? names : [...names, client]);
    return entry;
  }

  private newEntry(): Entry {
    const entry: Entry = { names: new Set(), copies: {}, status: 'sending', reason: null };
    this.early.add(entry);
    const [oldest] = this.early;
    if (this.early.size > MOST_EARLY && oldest !== undefined) {
      this.early.delete(oldest);
      for (const name of oldest.names) this.byName.delete(name);
    }
    return entry;
  }

  private bind(entry: Entry, names: Iterable<string>): void {
    for (const name of names) {
      entry.names.add(name);
      this.byName.set(name, entry);
    }
  }

  private unite(entry: Entry, other: Entry): void {
    this.bind(entry, other.names);
    for (const source of SOURCES) entry.copies[source] ??= other.copies[source];
    entry.status = higher(entry.status, other.status);
    entry.reason ??= other.reason;
    this.early.delete(other);
    for (const conversation of this.conversations.values()) {
      if (conversation.delete(other)) conversation.add(entry);
    }
    if (shown(entry)) this.early.delete(entry);
  }

  /** A client id is its user's, within a conversation. */
  private clientName(
    conversationId: string,
    clientId: string,
    userId: string | null = null,
  ): string {
    return JSON.stringify([conversationId, userId ?? this.userId, clientId]);
  }
}

/** Under which names every copy of a message finds its others (C-MSG-3, C-MSG-4). */
function strongNames(copy: CoreMessage, source: Source): string[] {
  if (source === 'own') return [];
  return [copy.id, ...(copy.externalId === null ? [] : [copy.externalId])].map(providerName);
}

function providers(entry: Entry): string[] {
  return SOURCES.flatMap((source) => {
    const id = entry.copies[source]?.externalId;
    return id ? [providerName(id)] : [];
  });
}

/** The best copy, with what only lesser ones know. */
function shown(entry: Entry): CoreMessage | undefined {
  const copies = SOURCES.flatMap((source) => entry.copies[source] ?? []);
  if (copies.length === 0) return undefined;
  const message = copies.reduce((lesser, better) => filled(better, lesser));
  const reason = message.errorMessage ?? entry.reason;
  return {
    ...message,
    status: entry.status,
    errorMessage: entry.status === 'failed' ? reason : null,
  };
}

function filled(message: CoreMessage, from: CoreMessage): CoreMessage {
  const known = Object.entries(message).filter(([, value]) => value !== null);
  return { ...from, ...Object.fromEntries(known) };
}

function higher(one: MessageStatus, other: MessageStatus): MessageStatus {
  return STATUS_ORDER.indexOf(one) < STATUS_ORDER.indexOf(other) ? other : one;
}
