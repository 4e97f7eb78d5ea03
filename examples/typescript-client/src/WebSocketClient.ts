/** ChatEngine's socket: connects, comes back after any loss, and never gives up (C-CONN-*). */

import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import type { WebSocket } from 'ws';

import { backoffMs } from './time.js';
import { SERVER_EVENTS } from './types.js';
import type {
  ClientToServerEvents,
  ConnectionState,
  SendMessageCommand,
  ServerEvent,
  ServerToClientEvents,
  Timing,
} from './types.js';

/** One attempt. Pauses count from its start, so that one that hangs delays no more than this. */
const ATTEMPT_MS = 4000;
const TRANSPORTS = ['websocket', 'polling'];
/** After a refusal: at most one CONNECT a second (C-CONN-6). */
const REFUSED_MS = 1000;
/** A server that does not acknowledge a subscription must not hold up more. */
const ACK_MS = 2000;
/** A socket that is not closed by then has nobody at its other end. */
const CLOSE_MS = 1000;

export interface WebSocketListener {
  connected(): void;
  lost(): void;
  event(name: ServerEvent, payload: unknown): void;
}

export class WebSocketClient {
  state: ConnectionState = 'disconnected';
  /** Why it is not connected. */
  lastError: string | null = null;

  private readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;

  /** `auth` is asked before every attempt. */
  constructor(
    endpoint: { url: string; path: string },
    auth: () => { token: string; workspaceId: string },
    private readonly timing: Timing,
    private readonly listener: WebSocketListener,
  ) {
    // Without its own reconnection, which ends after "io server disconnect" and after a refusal:
    // one rule for every loss is simpler than mending those two.
    this.socket = io(new URL(endpoint.url).origin, {
      path: endpoint.path,
      transports: TRANSPORTS,
      auth: (answer) => answer(auth()),
      autoConnect: false,
      forceNew: true,
      reconnection: false,
    });
    this.socket.on('connect', () => this.connected());
    // A refusal destroys the socket; after any other failure it stays active.
    this.socket.on('connect_error', (error) => this.lost(error.message, !this.socket.active));
    this.socket.on('disconnect', (reason) => this.lost(reason));
    for (const name of SERVER_EVENTS) {
      this.socket.on(name, (payload: unknown) => listener.event(name, payload));
    }
  }

  get isConnected(): boolean {
    return this.socket.connected;
  }

  connect(): void {
    this.state = 'connecting';
    this.attempt();
  }

  disconnect(): void {
    this.state = 'disconnected';
    clearTimeout(this.timer);
    const { ws } = { ...this.socket.io.engine?.transport } as { ws?: WebSocket };
    this.socket.disconnect();
    // The library ws waits half a minute for a peer that is gone.
    setTimeout(() => ws?.terminate(), CLOSE_MS);
  }

  /** Resolves when the subscription is there, as far as can be told. */
  async subscribe(conversationId: string): Promise<void> {
    try {
      const answer = await this.socket
        .timeout(ACK_MS)
        .emitWithAck('subscribe:conversation', conversationId);
      if (!answer?.ok) this.lastError = answer?.error?.message ?? null;
    } catch {
      // No answer in time, or the connection is lost: then the next one subscribes again.
    }
  }

  unsubscribe(conversationId: string): void {
    if (this.isConnected) this.socket.emit('unsubscribe:conversation', conversationId);
  }

  emitTyping(conversationId: string, isTyping: boolean): void {
    if (this.isConnected) this.socket.emit('typing', { conversationId, isTyping });
  }

  sendMessage(command: SendMessageCommand): void {
    if (this.isConnected) this.socket.emit('sendMessage', command);
  }

  private attempt(): void {
    const startedAt = Date.now();
    this.timer = setTimeout(() => {
      this.socket.disconnect();
      this.lost(`no connection within ${ATTEMPT_MS} ms`, false, startedAt);
    }, ATTEMPT_MS);
    // Where WebSockets do not get through, polling may; it upgrades by itself when they do.
    const isThird = this.failures % 3 === 2;
    this.socket.io.opts.transports = isThird ? TRANSPORTS.toReversed() : TRANSPORTS;
    this.socket.connect();
  }

  private connected(): void {
    clearTimeout(this.timer);
    this.failures = 0;
    this.lastError = null;
    this.state = 'connected';
    this.listener.connected();
  }

  /** The connection is lost, or an attempt failed: every such end leads to another attempt. */
  private lost(cause: string, isRefused = false, since = Date.now()): void {
    if (this.state === 'disconnected') return;
    clearTimeout(this.timer);
    this.lastError = cause;
    const wasConnected = this.state === 'connected';
    this.state = isRefused ? 'unauthorized' : 'connecting';
    const pauseMs = backoffMs(this.failures++, this.timing);
    const delayMs = isRefused ? Math.max(pauseMs, REFUSED_MS * (1 + Math.random() / 2)) : pauseMs;
    this.timer = setTimeout(() => this.attempt(), since + delayMs - Date.now());
    if (wasConnected) this.listener.lost();
  }
}
