/** From what travels to the CRM's own shapes (C-MSG-6); what cannot be is `Malformed` (C-MSG-7). */

import { STATUS_ORDER } from './types.js';
import type { ConversationNews, CoreMessage, MessageStatus } from './types.js';

export class Malformed extends Error {}

const JID_OR_NUMBER = /^(\+?[0-9]{7,15}|.+@(s\.whatsapp\.net|c\.us|g\.us|lid|newsletter))$/s;
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const PREVIEW_LENGTH = 50;
const TYPES: Record<string, CoreMessage['type']> = {
  text: 'text',
  image: 'image',
  video: 'video',
  audio: 'audio',
  file: 'document',
  document: 'document',
};

// Messages

export function mapWebSocketToCoreMessage(
  payload: unknown,
  workspaceId: string,
  userId: string,
): CoreMessage {
  const wire = fields(payload);
  const metadata = fields(wire['metadata'] ?? {});
  const sender = text(wire, 'senderId');
  const isOutgoing = sender !== null && (sender === userId || !JID_OR_NUMBER.test(sender));
  const id = required(wire, 'id');
  return {
    id,
    conversationId: required(wire, 'conversationId'),
    workspaceId: text(wire, 'workspaceId') ?? workspaceId,
    body: text(wire, 'content') ?? '',
    type: messageType(wire),
    isOutgoing,
    status: parseStatus(text(wire, 'status')) ?? 'sending',
    externalId:
      text(metadata, 'providerMessageId') ?? (id.startsWith('evo-') ? providerName(id) : null),
    clientMessageId: text(metadata, 'clientMessageId'),
    mediaUrl: firstAttachment(wire),
    replyToId: text(wire, 'replyToMessageId'),
    sentByUserId: isOutgoing && sender !== 'me' && sender !== 'system' ? sender : null,
    errorMessage: null,
    createdAt: moment(wire, 'createdAt'),
  };
}

export function mapRowToCoreMessage(record: unknown, workspaceId: string): CoreMessage {
  const row = fields(record);
  const sentByUserId = text(row, 'sent_by_user_id');
  return {
    id: required(row, 'id'),
    conversationId: required(row, 'conversation_id'),
    workspaceId: text(row, 'workspace_id') ?? workspaceId,
    body: text(row, 'body') ?? '',
    type: messageType(row),
    isOutgoing: row['is_outgoing'] == null ? sentByUserId !== null : flag(row, 'is_outgoing'),
    status: parseStatus(text(row, 'status')) ?? 'sending',
    externalId: text(row, 'external_id'),
    clientMessageId: text(row, 'client_message_id'),
    mediaUrl: text(row, 'media_url'),
    replyToId: text(row, 'reply_to_id'),
    sentByUserId,
    errorMessage: text(row, 'error_message'),
    createdAt: moment(row, 'created_at'),
  };
}

/** A wire or row name of a status; null for anything unknown, which changes nothing (C-STA-4). */
export function parseStatus(name: string | null): MessageStatus | null {
  return name === 'pending' ? 'sending' : (STATUS_ORDER.find((status) => status === name) ?? null);
}

/** The id `evo-<x>` names the message that the provider calls `<x>` (contract, section 5). */
export function providerName(name: string): string {
  return name.startsWith('evo-') && name.length > 4 ? name.slice(4) : name;
}

function messageType(from: Fields): CoreMessage['type'] {
  const name = required(from, 'type');
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined) throw new Malformed('an unknown type of message');
  return type;
}

function firstAttachment(wire: Fields): string | null {
  const attachments = wire['attachments'] ?? [];
  if (!Array.isArray(attachments)) throw new Malformed('attachments is no list');
  return attachments.length === 0 ? null : text(fields(attachments[0]), 'url');
}

// Conversations

export function mapWebSocketToConversation(payload: unknown): ConversationNews {
  const wire = fields(payload);
  const last = wire['lastMessage'] == null ? null : fields(wire['lastMessage']);
  return {
    id: required(wire, 'id'),
    workspaceId: text(wire, 'workspaceId'),
    whatsappNumberId: text(wire, 'whatsappNumberId'),
    updatedAt: wire['updatedAt'] == null ? 0 : moment(wire, 'updatedAt'),
    last: last && {
      at: moment(last, 'createdAt'),
      id: text(last, 'id') ?? '',
      preview: preview(text(last, 'type') ?? 'text', text(last, 'content') ?? ''),
    },
    lastMessageAt: null,
  };
}

export function mapRowToConversation(record: unknown): ConversationNews {
  const row = fields(record);
  return {
    id: required(row, 'id'),
    workspaceId: text(row, 'workspace_id'),
    whatsappNumberId: text(row, 'whatsapp_number_id'),
    updatedAt: row['updated_at'] == null ? 0 : moment(row, 'updated_at'),
    last: null,
    lastMessageAt: row['last_message_at'] == null ? null : moment(row, 'last_message_at'),
  };
}

export function conversationOf(
  message: CoreMessage,
  whatsappNumberId: string | null,
): ConversationNews {
  return {
    id: message.conversationId,
    workspaceId: message.workspaceId,
    whatsappNumberId,
    updatedAt: message.createdAt,
    last: { at: message.createdAt, id: message.id, preview: preview(message.type, message.body) },
    lastMessageAt: null,
  };
}

/** The first 50 code points of a text, or its kind in brackets (C-CNV-2). */
function preview(type: string, body: string): string {
  if (body === '' && type !== 'text') return type === 'file' ? '[document]' : `[${type}]`;
  return [...body.slice(0, 2 * PREVIEW_LENGTH)].slice(0, PREVIEW_LENGTH).join('');
}

// Fields of what a stranger sends

export type Fields = Record<string, unknown>;

export function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Malformed('no object');
  return value as Fields;
}

/** A text that may be missing; an empty one is missing too. */
export function text(from: Fields, name: string): string | null {
  const value = from[name] ?? null;
  if (value !== null && typeof value !== 'string') throw new Malformed(`${name} is no text`);
  return value || null;
}

export function required(from: Fields, name: string): string {
  const value = text(from, name);
  if (value === null) throw new Malformed(`${name} is missing`);
  return value;
}

export function flag(from: Fields, name: string): boolean {
  const value = from[name];
  if (typeof value !== 'boolean') throw new Malformed(`${name} is no boolean`);
  return value;
}

/** ISO 8601 with a time zone, in milliseconds since the epoch. */
export function moment(from: Fields, name: string): number {
  const value = required(from, name);
  const at = MOMENT.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(at)) throw new Malformed(`${name} is no moment`);
  return at;
}
