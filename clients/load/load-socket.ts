import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { clientFrame, FrameReader, Opcode, UnreadableFrameError } from './frame-reader.ts';

export interface LoadSocketOptions {
  /** `ws:` or `wss:` */
  readonly url: string;
  readonly protocol: string;
  readonly token: string | undefined;
  /** A message; the bytes are valid during the call. */
  readonly onMessage: (bytes: Buffer) => void;
  /** The connection is gone, or never came to be. Called once, and not after `destroy`. */
  readonly onEnd: (cause: string) => void;
}

/** RFC 6455, section 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_END = '\r\n\r\n';
const ABNORMAL_CLOSURE = 1006;
const NO_STATUS = 1005;
/** Read memory of all sockets, one after the other: each read is dealt with before the next one. */
const READ_MEMORY = Buffer.allocUnsafe(64 * 1024);

/**
 * A WebSocket that does as little as a dashboard can: `ws` takes five times the processor time for a small message, and
 * with hundreds of dashboards on one core the load test would measure itself.
 */
export class LoadSocket {
  readonly #options: LoadSocketOptions;
  readonly #socket: Socket;
  readonly #onMessage: (bytes: Buffer) => void;
  readonly #onFrameRead = (opcode: number, payload: Buffer): void => this.#onFrame(opcode, payload);
  readonly #key = randomBytes(16).toString('base64');
  readonly #frames = new FrameReader();
  /** Bytes so far of the answer to the upgrade; undefined behind it. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #isEnded = false;

  constructor(options: LoadSocketOptions) {
    this.#options = options;
    this.#onMessage = options.onMessage;
    const { hostname, port, protocol } = new URL(options.url);
    const isTls = protocol === 'wss:';
    const onread: OnReadOpts = {
      buffer: READ_MEMORY,
      callback: (count) => {
        this.#onBytes(READ_MEMORY.subarray(0, count));
        return true;
      },
    };
    const host = hostname.replace(/^\[|\]$/g, '');
    const address = { host, port: Number(port) || (isTls ? 443 : 80), onread };
    this.#socket = isTls ? connectTls({ ...address, servername: host }) : connectTcp(address);
    this.#socket.setNoDelay(true);
    this.#socket.once(isTls ? 'secureConnect' : 'connect', () => this.#socket.write(this.#upgradeRequest()));
    this.#socket.on('error', (error) => this.#end(error.message));
    this.#socket.on('close', () => this.#end(`closed with ${ABNORMAL_CLOSURE}`));
  }

  send(message: Buffer | string): void {
    const opcode = typeof message === 'string' ? Opcode.text : Opcode.binary;
    this.#write(opcode, Buffer.from(message));
  }

  destroy(): void {
    this.#isEnded = true;
    this.#socket.destroy();
  }

  #upgradeRequest(): string {
    const { url, protocol, token } = this.#options;
    const { host, pathname, search } = new URL(url);
    const lines = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${this.#key}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ];
    return `${lines.join('\r\n')}${HEAD_END}`;
  }

  #onBytes(bytes: Buffer): void {
    if (this.#isEnded) return;
    try {
      const rest = this.#head === undefined ? bytes : this.#readHead(this.#head, bytes);
      if (rest !== undefined) this.#frames.read(rest, this.#onFrameRead);
    } catch (error) {
      if (!(error instanceof UnreadableFrameError)) throw error;
      this.#end(error.message);
    }
  }

  /** @returns the bytes behind the head; undefined while it is not whole, or is a refusal */
  #readHead(before: Buffer, bytes: Buffer): Buffer | undefined {
    const head = Buffer.concat([before, bytes]);
    this.#head = head;
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      if (head.length > MAX_HEAD_BYTES) this.#end('the answer to the upgrade is too long');
      return undefined;
    }
    const [status = '', ...fields] = head.toString('latin1', 0, end).split('\r\n');
    const accept = createHash('sha1').update(`${this.#key}${ACCEPT_GUID}`).digest('base64');
    const isAccepted = fields.some(
      (field) => field.toLowerCase().startsWith('sec-websocket-accept:') && field.endsWith(accept),
    );
    if (!status.startsWith('HTTP/1.1 101') || !isAccepted) {
      this.#end(`unexpected answer to the upgrade: ${status.slice(0, 80)}`);
      return undefined;
    }
    this.#head = undefined;
    return head.subarray(end + HEAD_END.length);
  }

  #onFrame(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.text || opcode === Opcode.binary) this.#onMessage(payload);
    else if (opcode === Opcode.ping) this.#write(Opcode.pong, payload);
    else if (opcode === Opcode.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : NO_STATUS;
      this.#write(Opcode.close, Buffer.from(payload.subarray(0, 2)));
      this.#end(`closed with ${code} ${payload.toString('utf8', 2)}`.trim());
    }
  }

  #write(opcode: number, payload: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(clientFrame(opcode, payload, randomBytes(4)));
  }

  #end(cause: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.destroySoon();
    this.#options.onEnd(cause);
  }
}
