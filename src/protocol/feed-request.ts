import { BadFrameError } from '../market/bad-frame-error.ts';
import { MsgpackReader } from '../market/msgpack-reader.ts';
import type { CheckedTicks, TickChecker, TickCheckOptions } from '../market/tick-check.ts';
import { MAX_SEQ } from '../market/tick.ts';
import { type CodecName, MAX_TOKEN_LENGTH } from './version.ts';

/** Messages of a feed, parsed. Field meanings: PROTOCOL.md. */
export type FeedRequest =
  | { readonly action: 'auth'; readonly token: string }
  | OpenRequest
  | PublishRequest
  | { readonly action: 'skip'; readonly to: number; readonly next: number };

export interface OpenRequest {
  readonly action: 'open';
  readonly feed: string;
  /** Undefined from a simple adapter: each of its opens counts as a new instance. */
  readonly instance: string | undefined;
  readonly attempt: number;
  readonly have: number;
  readonly live: boolean;
}

export interface PublishRequest {
  readonly action: 'publish';
  /** Undefined for a frame without a number. */
  readonly seq: number | undefined;
  readonly prev: number;
  /** Echoed for frames without a number. */
  readonly id: string | number | undefined;
  readonly ticks: CheckedTicks;
}

const FEED_NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const INSTANCE = /^[A-Za-z0-9._:-]{1,64}$/;
const MAX_KEYS = 8;
const MAX_ID_LENGTH = 128;
const KEYS_BY_ACTION: Readonly<Record<string, readonly string[]>> = {
  auth: ['action', 'token', 'key', 'secret'],
  open: ['action', 'feed', 'instance', 'attempt', 'have', 'live'],
  publish: ['action', 'seq', 'prev', 'id', 'ticks'],
  skip: ['action', 'to', 'next'],
};

type Field = string | number | boolean | undefined;

/** Whether `name` may be a feed's name. Names that begin with `~` are the gateway's own. */
export function isFeedName(name: string): boolean {
  return FEED_NAME.test(name);
}

/**
 * Parses one message of a feed and checks its ticks on the way, in one pass over the bytes.
 * @throws {BadFrameError} structure (400)
 * @throws {FrameTooLargeError} more ticks than allowed (422)
 */
export function parseFeedRequest(
  bytes: Buffer,
  codec: CodecName,
  checker: TickChecker,
  options: TickCheckOptions,
): FeedRequest {
  return codec === 'msgpack' ? parseMsgpack(bytes, checker, options) : parseJson(bytes, checker, options);
}

function parseMsgpack(bytes: Buffer, checker: TickChecker, options: TickCheckOptions): FeedRequest {
  const reader = new MsgpackReader(bytes);
  const pairs = reader.mapHeader();
  if (pairs > MAX_KEYS) throw new BadFrameError('too many keys');
  const fields = new Map<string, Field>();
  let ticks: CheckedTicks | undefined;
  for (let i = 0; i < pairs; i++) {
    const key = reader.text();
    if (fields.has(key)) throw new BadFrameError('a key twice');
    if (key === 'ticks') {
      ticks = checker.checkMsgpack(reader, options);
      fields.set(key, undefined);
    } else fields.set(key, readField(reader));
  }
  if (!reader.atEnd) throw new BadFrameError('bytes after the message');
  return toRequest(fields, ticks);
}

function readField(reader: MsgpackReader): Field {
  if (reader.nil()) return undefined;
  const byte = reader.peek();
  return byte === 0xc2 || byte === 0xc3 ? reader.boolean() : reader.scalar();
}

function parseJson(bytes: Buffer, checker: TickChecker, options: TickCheckOptions): FeedRequest {
  const message = parseJsonObject(bytes);
  if (Object.keys(message).length > MAX_KEYS) throw new BadFrameError('too many keys');
  const fields = new Map<string, Field>();
  let ticks: CheckedTicks | undefined;
  for (const [key, value] of Object.entries(message)) {
    if (key === 'ticks' && Array.isArray(value)) {
      ticks = checker.checkJson(value, options);
      fields.set(key, undefined);
    } else if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      fields.set(key, value ?? undefined);
    } else throw new BadFrameError('a field of the wrong type');
  }
  return toRequest(fields, ticks);
}

/** @throws {BadFrameError} */
export function parseJsonObject(bytes: Buffer): Record<string, unknown> {
  let message: unknown;
  try {
    message = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new BadFrameError('not JSON');
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new BadFrameError('a map was expected');
  }
  return { ...message };
}

function toRequest(fields: ReadonlyMap<string, Field>, ticks: CheckedTicks | undefined): FeedRequest {
  const action = fields.get('action');
  const allowed =
    typeof action === 'string' && Object.hasOwn(KEYS_BY_ACTION, action) ? KEYS_BY_ACTION[action] : undefined;
  if (allowed === undefined) throw new BadFrameError('an unknown action');
  for (const key of fields.keys()) if (!allowed.includes(key)) throw new BadFrameError('an unknown key');
  switch (action) {
    case 'auth':
      return { action, token: boundedText(fields.get('token') ?? fields.get('secret'), 'token', MAX_TOKEN_LENGTH) };
    case 'open':
      return toOpen(fields);
    case 'skip':
      return toSkip(fields);
    default:
      return toPublish(fields, ticks);
  }
}

function toOpen(fields: ReadonlyMap<string, Field>): OpenRequest {
  const feed = fields.get('feed');
  if (typeof feed !== 'string' || !isFeedName(feed)) throw new BadFrameError('feed is not a feed name');
  const instance = fields.get('instance');
  if (instance !== undefined && (typeof instance !== 'string' || !INSTANCE.test(instance))) {
    throw new BadFrameError('instance is not a name');
  }
  const live = fields.get('live') ?? true;
  if (typeof live !== 'boolean') throw new BadFrameError('live is not true or false');
  return {
    action: 'open',
    feed,
    instance,
    attempt: sequenceNumber(fields.get('attempt') ?? 1, 'attempt', 1),
    have: sequenceNumber(fields.get('have') ?? 0, 'have', 0),
    live,
  };
}

function toSkip(fields: ReadonlyMap<string, Field>): FeedRequest {
  const to = sequenceNumber(fields.get('to'), 'to', 0);
  const next = sequenceNumber(fields.get('next'), 'next', 1);
  if (next <= to) throw new BadFrameError('next is not above to');
  return { action: 'skip', to, next };
}

function toPublish(fields: ReadonlyMap<string, Field>, ticks: CheckedTicks | undefined): PublishRequest {
  if (ticks === undefined) throw new BadFrameError('ticks are missing');
  const id = fields.get('id');
  if (typeof id === 'boolean' || (typeof id === 'string' && id.length > MAX_ID_LENGTH))
    throw new BadFrameError('id is not a short text or number');
  if (fields.get('seq') === undefined) {
    if (fields.get('prev') !== undefined) throw new BadFrameError('prev without seq');
    return { action: 'publish', seq: undefined, prev: 0, id, ticks };
  }
  const seq = sequenceNumber(fields.get('seq'), 'seq', 1);
  const prev = sequenceNumber(fields.get('prev'), 'prev', 0);
  if (seq <= prev) throw new BadFrameError('seq is not above prev');
  return { action: 'publish', seq, prev, id, ticks };
}

function sequenceNumber(value: Field, name: string, min: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > MAX_SEQ) {
    throw new BadFrameError(`${name} is not a whole number from ${min} to 2^53 - 1`);
  }
  return value;
}

function boundedText(value: Field, name: string, maxLength: number): string {
  if (typeof value !== 'string' || value.length > maxLength) throw new BadFrameError(`${name} is not a text`);
  return value;
}
