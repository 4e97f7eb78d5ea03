/** Who else is typing; it ends by itself after silence (C-TYP-2). */

const SILENCE_MS = 5000;

export class Typing {
  private readonly timers = new Map<string, Map<string, NodeJS.Timeout>>();

  hear(conversationId: string, userId: string, isTyping: boolean): void {
    const users = this.timers.get(conversationId) ?? new Map<string, NodeJS.Timeout>();
    clearTimeout(users.get(userId));
    users.delete(userId);
    if (isTyping)
      users.set(
        userId,
        setTimeout(() => users.delete(userId), SILENCE_MS),
      );
    this.timers.set(conversationId, users);
  }

  /** Nobody types where nobody looks. */
  clear(conversationId: string): void {
    for (const timer of this.timers.get(conversationId)?.values() ?? []) clearTimeout(timer);
    this.timers.delete(conversationId);
  }

  clearAll(): void {
    for (const conversationId of [...this.timers.keys()]) this.clear(conversationId);
  }

  view(): Record<string, string[]> {
    return Object.fromEntries([...this.timers].map(([id, users]) => [id, [...users.keys()]]));
  }
}
