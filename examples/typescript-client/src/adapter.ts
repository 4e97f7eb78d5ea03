/** The client behind the adapter protocol: one JSON object a line is asked, one answered. */

import { ConversationProvider } from './ConversationProvider.js';
import { fields, flag, Malformed, required, text } from './mapping.js';
import type { Fields } from './mapping.js';
import { DEFAULT_TIMING } from './types.js';
import type { ClientConfig, CoreMessage, Timing } from './types.js';

const PROTOCOL = 1;
const CAPABILITIES = ['websocket', 'supabase', 'polling', 'send', 'typing', 'reconfigure', 'cache'];
const EXIT_MS = 3000; // the process ends within 5 s of `exit`

class Refusal extends Error {
  constructor(
    readonly code: 'unsupported' | 'invalid' | 'failed',
    message: string,
  ) {
    super(message);
  }
}

let client: ConversationProvider | null = null;
let isRunning = false;

function running(): ConversationProvider {
  if (client === null || !isRunning)
    throw new Refusal('failed', 'the client is not running: start comes first');
  return client;
}

const verbs: Record<string, (request: Fields) => unknown> = {
  hello(request) {
    if (request['protocol'] !== PROTOCOL)
      throw new Refusal('unsupported', `this adapter speaks protocol ${PROTOCOL}`);
    return {
      name: 'crm-typescript-client',
      version: '1.0.0',
      language: 'typescript',
      capabilities: CAPABILITIES,
    };
  },
  start(request) {
    const config = readConfig(request['config']);
    if (isRunning) throw new Refusal('failed', 'the client is running');
    client = new ConversationProvider(config);
    client.start();
    isRunning = true;
  },
  configure: (request) => running().configure(readConfig(request['config'])),
  open: (request) => running().open(required(request, 'conversationId')),
  close: (request) => running().close(required(request, 'conversationId')),
  send(request) {
    const [conversation, client] = [
      required(request, 'conversationId'),
      required(request, 'clientMessageId'),
    ];
    running().send(
      conversation,
      text(request, 'content') ?? '',
      client,
      text(request, 'replyToMessageId'),
    );
  },
  typing(request) {
    running().emitTyping(required(request, 'conversationId'), flag(request, 'isTyping'));
  },
  snapshot,
  async stop() {
    await running().stop();
    isRunning = false;
  },
  exit() {},
};

function snapshot(): object {
  if (client === null)
    client = new ConversationProvider(readConfig({ workspaceId: '-', userId: '-' }));
  const { store, connection } = client;
  return {
    connection,
    conversations: store.conversations
      .list()
      .map((each) => ({ ...each, lastMessageAt: iso(each.lastMessageAt) })),
    messages: Object.fromEntries(
      [...store.messages.tracked].map((id) => [id, store.messages.of(id).map(toWire)]),
    ),
    typing: store.typing.view(),
    counters: store.counters,
  };
}

function toWire({
  conversationId: _,
  workspaceId: __,
  sentByUserId: ___,
  ...message
}: CoreMessage): object {
  return { ...message, createdAt: iso(message.createdAt) };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function readConfig(value: unknown): ClientConfig {
  const config = fields(value);
  const [chatengine, supabase, token] = ['chatengine', 'supabase', 'token'].map((part) =>
    config[part] == null ? null : fields(config[part]),
  );
  return {
    chatengine: chatengine
      ? { url: url(chatengine), path: text(chatengine, 'path') ?? '/api/ws' }
      : null,
    supabase: supabase ? { url: url(supabase), anonKey: required(supabase, 'anonKey') } : null,
    token: token
      ? {
          secret: required(token, 'secret'),
          ttlSeconds: number(token, 'ttlSeconds') ?? 3600,
          claims: fields(token['claims'] ?? {}),
        }
      : null,
    workspaceId: required(config, 'workspaceId'),
    userId: required(config, 'userId'),
    whatsappNumberId: text(config, 'whatsappNumberId'),
    timing: timing(fields(config['timing'] ?? {})),
  };
}

function url(from: Fields): string {
  const value = required(from, 'url');
  if (!/^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ''))
    throw new Malformed('url is no http(s) URL');
  return value;
}

function timing(from: Fields): Timing {
  const names = Object.keys(DEFAULT_TIMING) as (keyof Timing)[];
  const told = names.flatMap((name) => {
    const value = number(from, name);
    return value === null ? [] : [[name, value] as const];
  });
  return { ...DEFAULT_TIMING, ...Object.fromEntries(told) };
}

function number(from: Fields, name: string): number | null {
  const value = from[name] ?? null;
  if (value !== null && !(typeof value === 'number' && value > 0))
    throw new Malformed(`${name} is no positive number`);
  return value;
}

// Lines in, lines out

async function answer(line: string): Promise<void> {
  let request: Fields = {};
  try {
    request = fields(parsed(line));
    const verb = required(request, 'verb');
    const method = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (method === undefined)
      throw new Refusal('unsupported', `there is no verb ${verb.slice(0, 40)}`);
    write({ id: request['id'] ?? null, ok: true, result: (await method(request)) ?? {} });
    if (verb === 'exit') await exit();
  } catch (error) {
    const code =
      error instanceof Refusal ? error.code : error instanceof Malformed ? 'invalid' : 'failed';
    if (code === 'failed' && !(error instanceof Refusal)) console.error(error);
    const message = error instanceof Error ? error.message : String(error);
    write({ id: request['id'] ?? null, ok: false, error: { code, message } });
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Malformed('the line is no JSON');
  }
}

function write(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function exit(): Promise<void> {
  setTimeout(() => process.exit(0), EXIT_MS).unref();
  if (isRunning) await client?.stop();
  process.exit(0);
}

console.log = console.error; // stdout is the protocol's alone
let rest = '';
let turn = Promise.resolve();
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n'); // readline would also end a line at U+2028
  rest = lines.pop() ?? '';
  for (const line of lines) turn = turn.then(() => answer(line));
});
process.stdin.on('end', () => (turn = turn.then(exit)));
