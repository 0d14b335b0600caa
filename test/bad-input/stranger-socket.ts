import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { unpack } from 'msgpackr';

/** What a gateway answered to a stranger. */
export interface StrangerAnswers {
  /** HTTP status; undefined when the connection ended without one. */
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
  /** All messages of all arrays, in order. */
  readonly messages: ReadonlyArray<Readonly<Record<string, unknown>>>;
  /** Code of the close frame; undefined when there was none. */
  readonly closeCode: number | undefined;
  readonly pongs: number;
  readonly isEnded: boolean;
}

const HEADER_END = '\r\n\r\n';
const POLL_MS = 5;

/** The lines of a correct upgrade; `changes` replaces a header by name, or leaves it out where undefined. */
export function upgradeRequest(
  options: {
    readonly requestLine?: string;
    readonly changes?: Readonly<Record<string, string | readonly string[] | undefined>>;
  } = {},
): string {
  const headers: Record<string, string | readonly string[] | undefined> = {
    Host: 'gateway.test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...options.changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => {
    const values = value === undefined ? [] : typeof value === 'string' ? [value] : value;
    return values.map((each) => `${name}: ${each}\r\n`);
  });
  return `${options.requestLine ?? 'GET /v1/feed HTTP/1.1'}\r\n${lines.join('')}\r\n`;
}

/** A TCP connection on which everything can be sent, and which reads what a gateway says. */
export class StrangerSocket implements Disposable {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #status: number | undefined;
  #headers = new Map<string, string>();
  readonly #messages: Array<Readonly<Record<string, unknown>>> = [];
  #closeCode: number | undefined;
  #pongs = 0;
  #isEnded = false;
  readonly #answersClose: boolean;

  private constructor(socket: Socket, answersClose: boolean) {
    this.socket = socket;
    this.#answersClose = answersClose;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.#isEnded = true));
  }

  /** @param answersClose false: a close frame is left unanswered */
  static async connect(
    port: number,
    options: { readonly localAddress?: string; readonly answersClose?: boolean } = {},
  ): Promise<StrangerSocket> {
    const { localAddress } = options;
    const socket = connect({ port, host: '127.0.0.1', ...(localAddress === undefined ? {} : { localAddress }) });
    const stranger = new StrangerSocket(socket, options.answersClose ?? true);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return stranger;
  }

  /** Connected and upgraded. @throws {Error} when the gateway refuses */
  static async upgraded(
    port: number,
    changes: Readonly<Record<string, string | undefined>> = {},
    options: { readonly localAddress?: string; readonly answersClose?: boolean } = {},
  ): Promise<StrangerSocket> {
    const stranger = await StrangerSocket.connect(port, options);
    stranger.send(upgradeRequest({ changes }));
    await stranger.until((answers) => answers.status !== undefined || answers.isEnded);
    if (stranger.answers.status !== 101) throw new Error(`upgrade refused with ${stranger.answers.status}`);
    return stranger;
  }

  get answers(): StrangerAnswers {
    return {
      status: this.#status,
      headers: this.#headers,
      messages: this.#messages,
      closeCode: this.#closeCode,
      pongs: this.#pongs,
      isEnded: this.#isEnded,
    };
  }

  send(bytes: Uint8Array | string): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Waits until the answers are as wanted, or time is up: the caller compares what there is. */
  async until(isThere: (answers: StrangerAnswers) => boolean, limitMs = 8_000): Promise<StrangerAnswers> {
    const deadlineMs = Date.now() + limitMs;
    while (!isThere(this.answers) && Date.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return this.answers;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#status === undefined && !this.#readHead()) return;
    if (this.#status === 101) while (this.#readFrame());
  }

  #readHead(): boolean {
    const end = this.#received.indexOf(HEADER_END);
    if (end < 0) return false;
    const [statusLine = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    this.#status = Number(statusLine.split(' ')[1]);
    for (const line of lines) {
      const colon = line.indexOf(':');
      this.#headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    this.#received = this.#received.subarray(end + HEADER_END.length);
    return true;
  }

  /** Frames of a server are unmasked and whole here. */
  #readFrame(): boolean {
    const bytes = this.#received;
    if (bytes.length < 2) return false;
    const opcode = (bytes[0] ?? 0) & 0x0f;
    const short = (bytes[1] ?? 0) & 0x7f;
    const headLength = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < headLength) return false;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < headLength + length) return false;
    this.#received = bytes.subarray(headLength + length);
    this.#onFrame(opcode, bytes.subarray(headLength, headLength + length));
    return true;
  }

  #onFrame(opcode: number, payload: Buffer): void {
    if (opcode === 10) this.#pongs += 1;
    if (opcode === 1 || opcode === 2) {
      const array: unknown = opcode === 1 ? JSON.parse(payload.toString('utf8')) : unpack(payload);
      if (!Array.isArray(array)) throw new Error('the gateway sent something that is no array');
      this.#messages.push(...array.map(toRecord));
    }
    if (opcode !== 8) return;
    this.#closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    // An unmasked echo would be a fault of ours: a masked, empty close frame.
    if (this.#answersClose) this.send(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  }
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new Error('the gateway sent something that is no map');
  return { ...value };
}
