import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { crc32 } from '@node-rs/crc32';
import { MsgpackReader } from '../../src/market/msgpack-reader.ts';

/**
 * A dashboard that subscribes to `*` over a bare socket and does nothing with what comes but keep a running checksum of
 * its payloads; on request it decodes every tick as well. Reading is then cheap enough to measure the gateway.
 */
export class StarSink {
  readonly #socket: Socket;
  readonly #decodes: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  bytes = 0;
  frames = 0;
  checksum = 0;
  /** Ticks, where it decodes them; the numbers they carry as volume, summed. */
  ticks = 0;
  sum = 0;
  subscribed = false;

  constructor(url: string, decodes: boolean) {
    const { hostname, port } = new URL(url);
    this.#decodes = decodes;
    this.#socket = connect(Number(port), hostname);
    this.#socket.write(
      [
        'GET /v1/live HTTP/1.1',
        `Host: ${hostname}:${port}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${createHash('md5').update(String(Math.random())).digest('base64')}`,
        'Sec-WebSocket-Protocol: tickgate.v1.json',
        '\r\n',
      ]
        .join('\r\n')
        .replace('v1.json', 'v1.msgpack'),
    );
    this.#socket.on('data', (data) => this.#onData(data));
    this.#socket.on('error', () => undefined);
  }

  /** `{action: "subscribe", trades: ["*"]}` as a masked frame; a mask of zeros changes nothing. */
  subscribe(): void {
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([0xa0 | value.length]), Buffer.from(value)]);
    const payload = Buffer.concat([
      Buffer.from([0x82]),
      text('action'),
      text('subscribe'),
      text('trades'),
      Buffer.from([0x91]),
      text('*'),
    ]);
    this.#socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(data: Buffer): void {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    if (!this.#isUpgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return void (this.#rest = bytes);
      this.#isUpgraded = true;
      bytes = bytes.subarray(end + 4);
      this.subscribe();
    }
    let at = 0;
    for (;;) {
      const second = bytes[at + 1] ?? 0;
      const start = at + (second < 126 ? 2 : second === 126 ? 4 : 10);
      if (start > bytes.length) break;
      const length =
        second < 126 ? second : second === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (start + length > bytes.length) break;
      if (bytes[at] === 0x82) this.#onPayload(bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = bytes.subarray(at);
  }

  #onPayload(payload: Buffer): void {
    // `t` of the first element: anything else is not a frame of ticks.
    const isTicks = payload.indexOf('\xa1T\xa1t', 0, 'latin1') > 0 && payload.indexOf('\xa1T\xa1t', 0, 'latin1') < 7;
    if (!isTicks) {
      if (payload.includes('subscription')) this.subscribed = true;
      return;
    }
    this.frames += 1;
    this.bytes += payload.length;
    this.checksum = crc32(payload, this.checksum);
    if (this.#decodes) this.#decode(payload);
  }

  #decode(payload: Buffer): void {
    const reader = new MsgpackReader(payload);
    for (let left = reader.arrayHeader(); left > 0; left--) {
      for (let pairs = reader.mapHeader(); pairs > 0; pairs--) {
        const key = reader.text();
        if (reader.isTimestamp()) reader.skip();
        else if (key === 's') this.sum += reader.number();
        else reader.skip();
      }
      this.ticks += 1;
    }
  }
}
