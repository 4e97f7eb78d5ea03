/** Which conversations are open: twice is one subscription, until the last close (C-SUB-5). */

export class OpenConversations {
  private readonly views = new Map<string, number>();

  /** Returns whether it is the first view. */
  open(conversationId: string): boolean {
    const views = (this.views.get(conversationId) ?? 0) + 1;
    this.views.set(conversationId, views);
    return views === 1;
  }

  /** Returns whether it was the last view. */
  close(conversationId: string): boolean {
    const views = (this.views.get(conversationId) ?? 0) - 1;
    if (views > 0) this.views.set(conversationId, views);
    else this.views.delete(conversationId);
    return views === 0;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.views.keys();
  }
}
