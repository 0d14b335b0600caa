import { once } from 'node:events';
import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';

/** A message of the live endpoint as it came, decoded and otherwise untouched. */
export type RawMessage = Readonly<Record<string, unknown>> & { readonly T: string };

/** A dashboard without any library: messages are kept as they stood on the wire. */
export interface RawLiveClient {
  /** Every message so far, arrays unpacked. */
  readonly messages: RawMessage[];
  /** Number of WebSocket messages so far. */
  readonly arrays: number;
  readonly socket: WebSocket;
  /** Close code, once closed. */
  readonly closed: Promise<number>;
  send(message: object): void;
  /** The first message after those taken before that fits. @throws when none comes in time */
  take(what: string, fits: (message: RawMessage) => boolean): Promise<RawMessage>;
  ofType(type: string): RawMessage[];
  close(): Promise<void>;
}

export interface RawLiveOptions {
  readonly codec?: 'json' | 'msgpack';
  readonly token?: string;
  readonly limitMs?: number;
}

const unpackr = new Packr({ useRecords: false, int64AsType: 'number' });

export async function rawLiveClient(gatewayUrl: string, options: RawLiveOptions = {}): Promise<RawLiveClient> {
  const codec = options.codec ?? 'json';
  const socket = new WebSocket(
    `${gatewayUrl.replace(/^http/, 'ws')}/v1/live`,
    [`tickgate.v1.${codec}`],
    options.token === undefined ? {} : { headers: { authorization: `Bearer ${options.token}` } },
  );
  const messages: RawMessage[] = [];
  const state = { arrays: 0, taken: 0 };
  let wake: () => void = () => undefined;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const list: unknown = isBinary ? unpackr.unpack(data) : JSON.parse(data.toString());
    if (!Array.isArray(list)) throw new Error('a message that is not an array');
    state.arrays += 1;
    for (const each of list) messages.push(asMessage(each));
    wake();
  });
  const closed = new Promise<number>((resolve) => {
    socket.once('close', resolve);
  });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'open'), closed]);
  return {
    messages,
    socket,
    closed,
    get arrays() {
      return state.arrays;
    },
    send: (message) => socket.send(codec === 'json' ? JSON.stringify(message) : unpackr.pack(message)),
    async take(what, fits) {
      const deadlineMs = Date.now() + (options.limitMs ?? 5_000);
      for (;;) {
        while (state.taken < messages.length) {
          const message = messages[state.taken++];
          if (message !== undefined && fits(message)) return message;
        }
        const leftMs = deadlineMs - Date.now();
        if (leftMs <= 0) throw new Error(`did not come: ${what}; last: ${JSON.stringify(messages.slice(-3))}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    ofType: (type) => messages.filter((message) => message.T === type),
    async close() {
      socket.close();
      await closed;
    },
  };
}

function asMessage(value: unknown): RawMessage {
  if (typeof value !== 'object' || value === null || !('T' in value) || typeof value.T !== 'string') {
    throw new Error(`a message without T: ${JSON.stringify(value)}`);
  }
  return { ...value, T: value.T };
}
