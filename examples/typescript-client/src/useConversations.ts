/** The list of conversations (C-CNV-*): what each source says of one, joined whatever the order. */

import type { ConversationNews, CoreConversation } from './types.js';

/** Each field with the moment at which it was told; the newest counts. */
interface Known {
  number: { id: string; at: number } | null;
  last: { at: number; id: string; preview: string } | null;
  lastMessageAt: number | null;
}

export class Conversations {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly workspaceId: string,
    private readonly whatsappNumberId: string | null,
  ) {}

  /** Take in what is said of a conversation (C-CNV-1); returns whether it was news. */
  learn(news: ConversationNews): boolean {
    const known = this.known.get(news.id) ?? { number: null, last: null, lastMessageAt: null };
    const before = this.known.has(news.id) ? JSON.stringify(known) : '';
    const { whatsappNumberId: number, last } = news;
    if (number !== null && news.updatedAt >= (known.number?.at ?? 0)) {
      known.number = { id: number, at: news.updatedAt };
    }
    if (last !== null && isLater(last, known.last)) known.last = last;
    for (const at of [last?.at, news.lastMessageAt]) {
      if (at != null) known.lastMessageAt = Math.max(at, known.lastMessageAt ?? at);
    }
    this.known.set(news.id, known);
    return JSON.stringify(known) !== before;
  }

  /** The list, newest first (C-CNV-3); what names no number stays in any (C-CNV-5). */
  list(): CoreConversation[] {
    const chosen = [...this.known].filter(
      ([, { number }]) =>
        this.whatsappNumberId === null || number === null || number.id === this.whatsappNumberId,
    );
    const list = chosen.map(([id, known]) => ({
      id,
      workspaceId: this.workspaceId,
      whatsappNumberId: known.number?.id ?? null,
      lastMessageAt: known.lastMessageAt,
      preview: known.last?.preview ?? null,
    }));
    return list.sort(
      (a, b) => (b.lastMessageAt ?? -1) - (a.lastMessageAt ?? -1) || (a.id < b.id ? -1 : 1),
    );
  }
}

/** An older message never moves an entry back (C-CNV-4). */
function isLater(last: { at: number; id: string }, known: Known['last']): boolean {
  return known === null || last.at > known.at || (last.at === known.at && last.id >= known.id);
}
