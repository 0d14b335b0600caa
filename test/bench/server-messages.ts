const OPCODE_BINARY = 2;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;

export interface ServerMessageListener {
  onBinary(payload: Buffer): void;
  onPing(payload: Buffer): void;
  onClose(code: number, reason: string): void;
}

/** Cuts what a WebSocket server sends into messages. For servers that send whole, unmasked messages, as ours does. */
export class ServerMessages {
  readonly #listener: ServerMessageListener;
  #rest: Buffer = Buffer.alloc(0);

  constructor(listener: ServerMessageListener) {
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const next = this.#takeOne(bytes);
      if (next === undefined) break;
      bytes = next;
    }
    this.#rest = bytes;
  }

  #takeOne(bytes: Buffer): Buffer | undefined {
    if (bytes.length < 2) return undefined;
    const opcode = (bytes[0] ?? 0) & 0x0f;
    let length = (bytes[1] ?? 0) & 0x7f;
    let start = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = bytes.readUInt32BE(6);
      start = 10;
    }
    if (bytes.length < start + length) return undefined;
    const payload = bytes.subarray(start, start + length);
    if (opcode === OPCODE_BINARY) this.#listener.onBinary(payload);
    else if (opcode === OPCODE_PING) this.#listener.onPing(payload);
    else if (opcode === OPCODE_CLOSE) {
      this.#listener.onClose(payload.length < 2 ? 1005 : payload.readUInt16BE(0), payload.subarray(2).toString());
    }
    return bytes.subarray(start + length);
  }
}
