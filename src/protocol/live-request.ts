import { BadFrameError } from '../market/bad-frame-error.ts';
import { ErrorCode } from './error-codes.ts';
import { isFeedName, parseJsonObject } from './feed-request.ts';
import { MsgpackReader } from '../market/msgpack-reader.ts';
import { isSymbol } from '../market/tick.ts';
import { type CodecName, MAX_TOKEN_LENGTH } from './version.ts';

/** Channels that a dashboard may subscribe to. */
export const LIVE_CHANNELS = ['trades', 'bars', 'updatedBars', 'flushes'] as const;
export type LiveChannel = (typeof LIVE_CHANNELS)[number];

/** Channels of Alpaca's protocol that have nothing here: accepted, and echoed empty, so that its SDKs go on. */
export const EMPTY_CHANNELS = [
  'quotes',
  'dailyBars',
  'statuses',
  'lulds',
  'corrections',
  'cancelErrors',
  'imbalances',
  'orderbooks',
  'news',
] as const;

export type ChannelLists = Readonly<Record<LiveChannel, readonly string[]>>;
export type LiveMode = 'all' | 'latest';

/** Options hold for the whole connection; those left out stay as they were. */
export interface SubscribeOptions {
  /** Send the last tick of each newly subscribed symbol first. */
  readonly snapshot: boolean;
  readonly mode: LiveMode | undefined;
  /** Rate limit: at most this many arrays of ticks a second; 0: no limit. */
  readonly maxHz: number | undefined;
  readonly positions: boolean | undefined;
  /** A position, as `pos` gave it. */
  readonly resume: string | undefined;
}

/** Messages of a dashboard, parsed. */
export type LiveRequest =
  | { readonly action: 'auth'; readonly token: string }
  | (ChannelRequest & { readonly action: 'subscribe'; readonly options: SubscribeOptions })
  | (ChannelRequest & { readonly action: 'unsubscribe' });

interface ChannelRequest {
  readonly lists: ChannelLists;
  /** Unknown channels, as another market's SDK names them: echoed empty in the answer to this request. */
  readonly otherChannels: readonly string[];
}

/** A request that is understood and not granted: answered with its code; the connection goes on, nothing changes. */
export class RequestRefusal extends Error {
  override readonly name = 'RequestRefusal';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const MAX_HZ = 1_000;
const MAX_KEYS = 32;
const MAX_POSITION_LENGTH = 256;
const FEED_ACTIONS: readonly unknown[] = ['open', 'publish', 'skip'];
const CHANNEL_KEYS: readonly string[] = [...LIVE_CHANNELS, ...EMPTY_CHANNELS];
const OPTION_KEYS = ['snapshot', 'mode', 'maxHz', 'positions', 'resume'];
const AUTH_KEYS = ['token', 'key', 'secret'];
const KEYS_BY_ACTION: Readonly<Record<LiveRequest['action'], readonly string[]>> = {
  auth: AUTH_KEYS,
  subscribe: [...CHANNEL_KEYS, ...OPTION_KEYS],
  unsubscribe: CHANNEL_KEYS,
};
/** Keys with a meaning elsewhere: a channel cannot be named so, and `T` is the type of the reply that echoes it. */
const NO_CHANNELS: readonly string[] = ['T', ...AUTH_KEYS, ...OPTION_KEYS];
const CHANNEL_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

type Fields = ReadonlyMap<string, unknown>;

/**
 * Parses one message of a dashboard.
 * @throws {BadFrameError} structure: 400 and the end of the connection
 * @throws {RequestRefusal} content: the code it names, and nothing else
 */
export function parseLiveRequest(bytes: Buffer, codec: CodecName): LiveRequest {
  const fields = codec === 'msgpack' ? msgpackFields(bytes) : new Map(Object.entries(parseJsonObject(bytes)));
  const action = fields.get('action');
  if (FEED_ACTIONS.includes(action)) throw new RequestRefusal(ErrorCode.invalidAction, 'this endpoint only shows');
  if (action !== 'auth' && action !== 'subscribe' && action !== 'unsubscribe') {
    throw new BadFrameError('an unknown action');
  }
  if (fields.size > MAX_KEYS) throw new BadFrameError('too many keys');
  const otherChannels: string[] = [];
  for (const key of fields.keys()) {
    if (key === 'action' || KEYS_BY_ACTION[action].includes(key)) continue;
    if (action === 'auth' || !isOtherChannel(key, fields.get(key))) throw new BadFrameError('an unknown key');
    textList(fields, key);
    otherChannels.push(key);
  }
  if (action === 'auth') return { action, token: tokenOf(fields) };
  const lists = {
    trades: symbolList(fields, 'trades'),
    bars: symbolList(fields, 'bars'),
    updatedBars: symbolList(fields, 'updatedBars'),
    flushes: feedList(fields),
  };
  for (const channel of EMPTY_CHANNELS) textList(fields, channel);
  if (action === 'unsubscribe') return { action, lists, otherChannels };
  return { action, lists, otherChannels, options: optionsOf(fields) };
}

/** A list of symbols, or none, under a name that has no meaning here. Anything else is an option misspelt. */
function isOtherChannel(key: string, value: unknown): boolean {
  return CHANNEL_NAME.test(key) && !NO_CHANNELS.includes(key) && Array.isArray(value ?? []);
}

function msgpackFields(bytes: Buffer): Fields {
  const reader = new MsgpackReader(bytes);
  const pairs = reader.mapHeader();
  if (pairs > MAX_KEYS) throw new BadFrameError('too many keys');
  const fields = new Map<string, unknown>();
  for (let i = 0; i < pairs; i++) {
    const key = reader.text();
    if (fields.has(key)) throw new BadFrameError('a key twice');
    fields.set(key, msgpackValue(reader));
  }
  if (!reader.atEnd) throw new BadFrameError('bytes after the message');
  return fields;
}

/** A scalar, or an array of texts. */
function msgpackValue(reader: MsgpackReader): unknown {
  if (reader.nil()) return undefined;
  const byte = reader.peek();
  if (byte === 0xc2 || byte === 0xc3) return reader.boolean();
  const isArray = (byte & 0xf0) === 0x90 || byte === 0xdc || byte === 0xdd;
  if (!isArray) return reader.scalar();
  const texts: string[] = [];
  for (let left = reader.arrayHeader(); left > 0; left--) texts.push(reader.text());
  return texts;
}

function tokenOf(fields: Fields): string {
  const token = fields.get('token') ?? fields.get('secret');
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) throw new BadFrameError('token is not a text');
  return token;
}

function textList(fields: Fields, channel: string): string[] {
  const value = fields.get(channel) ?? [];
  if (!Array.isArray(value)) throw new BadFrameError(`${channel} is not a list`);
  return [
    ...new Set(
      value.map((each: unknown) => {
        if (typeof each !== 'string') throw new BadFrameError(`${channel} is not a list of texts`);
        return each;
      }),
    ),
  ];
}

function symbolList(fields: Fields, channel: LiveChannel): string[] {
  const names = textList(fields, channel);
  for (const name of names) {
    if (name !== '*' && !isSymbol(name)) {
      throw new RequestRefusal(ErrorCode.invalidSyntax, `${channel} holds a name that no symbol can have`);
    }
  }
  return names;
}

function feedList(fields: Fields): string[] {
  const names = textList(fields, 'flushes');
  if (names.some((name) => name !== '*' && !isFeedName(name))) {
    throw new RequestRefusal(ErrorCode.invalidSyntax, 'flushes holds a name that no feed can have');
  }
  return names;
}

function optionsOf(fields: Fields): SubscribeOptions {
  const mode = fields.get('mode') ?? undefined;
  if (mode !== undefined && mode !== 'all' && mode !== 'latest') throw new BadFrameError('mode is not all or latest');
  const maxHz = fields.get('maxHz') ?? undefined;
  if (maxHz !== undefined && !(typeof maxHz === 'number' && maxHz >= 0 && maxHz <= MAX_HZ)) {
    throw new BadFrameError(`maxHz is not a number from 0 to ${MAX_HZ}`);
  }
  const resume = fields.get('resume') ?? undefined;
  if (resume !== undefined && (typeof resume !== 'string' || resume.length > MAX_POSITION_LENGTH)) {
    throw new BadFrameError('resume is not a position');
  }
  return { snapshot: flag(fields, 'snapshot') ?? false, mode, maxHz, positions: flag(fields, 'positions'), resume };
}

function flag(fields: Fields, name: string): boolean | undefined {
  const value = fields.get(name) ?? undefined;
  if (value !== undefined && typeof value !== 'boolean') throw new BadFrameError(`${name} is not true or false`);
  return value;
}
