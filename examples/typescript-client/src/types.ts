/** The CRM's shapes, and what travels between it and ChatEngine (contract, sections 2 and 7). */

export type MessageStatus = 'sending' | 'sent' | 'failed' | 'delivered' | 'read';

/** A status only moves up this order, so that no order of arrival matters (C-STA-1). */
export const STATUS_ORDER: readonly MessageStatus[] = [
  'sending',
  'sent',
  'failed',
  'delivered',
  'read',
];

/** Where a copy of a message came from, the better source last. */
export const SOURCES = ['own', 'supabase', 'chatengine'] as const;
export type Source = (typeof SOURCES)[number];

/** A message as the CRM has it; moments are milliseconds since the epoch. */
export interface CoreMessage {
  id: string;
  conversationId: string;
  workspaceId: string;
  body: string;
  type: 'text' | 'image' | 'video' | 'audio' | 'document';
  isOutgoing: boolean;
  status: MessageStatus;
  externalId: string | null;
  clientMessageId: string | null;
  mediaUrl: string | null;
  replyToId: string | null;
  sentByUserId: string | null;
  errorMessage: string | null;
  createdAt: number;
}

export interface CoreConversation {
  id: string;
  workspaceId: string;
  whatsappNumberId: string | null;
  lastMessageAt: number | null;
  preview: string | null;
}

/** What an event, a row or a message says of a conversation; null is what it does not say. */
export interface ConversationNews {
  id: string;
  workspaceId: string | null;
  whatsappNumberId: string | null;
  updatedAt: number;
  last: { at: number; id: string; preview: string } | null;
  lastMessageAt: number | null;
}

/** Events of ChatEngine. What they carry is a stranger's: `mapping.ts` reads it. */
export const SERVER_EVENTS = [
  'message',
  'messageStatus',
  'conversation',
  'typing',
  'messageSent',
  'error',
] as const;
export type ServerEvent = (typeof SERVER_EVENTS)[number];
export type ServerToClientEvents = Record<ServerEvent, (payload: unknown) => void>;

export interface Acknowledgement {
  ok: boolean;
  error?: { code: string; message: string };
}

export interface SendMessageCommand {
  type: 'sendMessage';
  conversationId: string;
  content: string;
  messageId: string;
  replyToMessageId?: string;
  timestamp: string;
}

/** Commands to ChatEngine. */
export interface ClientToServerEvents {
  'subscribe:conversation': (
    conversationId: string,
    ack: (answer: Acknowledgement) => void,
  ) => void;
  'unsubscribe:conversation': (conversationId: string) => void;
  typing: (command: { conversationId: string; isTyping: boolean }) => void;
  sendMessage: (command: SendMessageCommand) => void;
}

export type ConnectionState = 'connected' | 'connecting' | 'disconnected' | 'unauthorized';

export interface Connection {
  isEnabled: boolean;
  isConnected: boolean;
  source: 'websocket' | 'supabase' | 'polling' | 'none';
  state: ConnectionState;
  lastError: string | null;
}

/** Milliseconds. */
export interface Timing {
  reconnectDelayMs: number;
  reconnectDelayMaxMs: number;
  fallbackAfterMs: number;
  pollIntervalMs: number;
}

/** With a second for a handshake, the longest pause keeps C-CONN-3's 5 s, the grace C-FBK-2's. */
export const DEFAULT_TIMING: Timing = {
  reconnectDelayMs: 500,
  reconnectDelayMaxMs: 4000,
  fallbackAfterMs: 500,
  pollIntervalMs: 5000,
};

export interface TokenConfig {
  secret: string;
  ttlSeconds: number;
  claims: Record<string, unknown>;
}

export interface ClientConfig {
  chatengine: { url: string; path: string } | null;
  supabase: { url: string; anonKey: string } | null;
  token: TokenConfig | null;
  workspaceId: string;
  userId: string;
  whatsappNumberId: string | null;
  timing: Timing;
}
