import { pack, unpack } from 'msgpackr';
import { nextTurn } from '../../src/base/next-turn.ts';
import {
  FeedConnection,
  type FeedEndpoint,
  type FeedEndpointOptions,
  type FeedPrincipal,
} from '../../src/ingest/feed-connection.ts';
import { FeedRegistry } from '../../src/ingest/feed-registry.ts';
import type { OneOffListener } from '../../src/ingest/internal-feed.ts';
import { TokenFeeds } from '../../src/ingest/token-feeds.ts';
import type { CodecName } from '../../src/protocol/version.ts';
import { FakeBuffer } from './fake-buffer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeObserver } from './fake-observer.ts';
import { FakeOpener, opened } from './fake-opener.ts';

export const PUBLISHER: FeedPrincipal = { name: 'ok', mayPublish: (feed) => feed !== 'forbidden' };
export const NUMBERED_ONLY: FeedPrincipal = { name: 'numbered', mayPublish: (feed) => feed !== '~' };
/** Stands for a connection that has not authenticated. */
export const NOBODY: FeedPrincipal = { name: '', mayPublish: () => false };
const OPTIONS: FeedEndpointOptions = {
  windowFrames: 4,
  windowTicks: 100,
  maxFrameBytes: 1_000,
  maxFrameTicks: 3,
  maxFrameDays: 2,
  rateFrames: 0,
  queueBytes: 1_000,
};

interface SubjectOptions {
  readonly principal?: FeedPrincipal | undefined;
  readonly codec?: CodecName;
  readonly options?: Partial<FeedEndpointOptions>;
  /** The token `good` is, where left out. */
  readonly authenticate?: FeedEndpoint['authenticate'];
}

/** A connection on fakes of everything around it. Its client speaks JSON unless told otherwise. */
export class ConnectionUnderTest {
  readonly clock: FakeClock = new FakeClock();
  readonly buffer: FakeBuffer = new FakeBuffer();
  readonly opener: FakeOpener = new FakeOpener();
  readonly observer: FakeObserver = new FakeObserver();
  readonly registry: FeedRegistry = new FeedRegistry({
    run: 'r',
    feedStates: async () => [],
    readRows: async () => new Map(),
  });
  readonly oneOff: OneOffListener[] = [];
  readonly connection: FeedConnection;
  readonly socket = { bufferedAmount: 0, isPaused: false, closed: undefined as readonly [number, string] | undefined };
  readonly #codec: CodecName;
  #heard: unknown[] = [];

  constructor({ principal = PUBLISHER, codec = 'json', options, authenticate }: SubjectOptions = {}) {
    this.#codec = codec;
    const { socket, clock, buffer, opener, observer, registry } = this;
    this.connection = new FeedConnection(
      {
        options: { ...OPTIONS, ...options },
        clock,
        buffer,
        opener,
        observer,
        registry,
        tokenFeeds: new TokenFeeds(2),
        internalFeed: { publish: (_ticks, listener) => void this.oneOff.push(listener) },
        authenticate: authenticate ?? ((token) => (token === 'good' ? PUBLISHER : undefined)),
      },
      {
        get bufferedAmount() {
          return socket.bufferedAmount;
        },
        send: (data) => this.#hear(data),
        close: (code, reason) => (socket.closed ??= [code, reason]),
        pause: () => (socket.isPaused = true),
        resume: () => (socket.isPaused = false),
      },
      codec,
      principal === NOBODY ? undefined : principal,
    );
  }

  say(message: unknown): void {
    const isBinary = this.#codec === 'msgpack';
    this.connection.onMessage(isBinary ? pack(message) : Buffer.from(JSON.stringify(message)), isBinary);
  }

  frame(seq: number, prev: number = seq - 1): void {
    this.say({ action: 'publish', seq, prev, ticks: [] });
  }

  /** What the client has been told since it was asked last. */
  hear(): unknown[] {
    return this.#heard.splice(0);
  }

  async open(feed = 'egx', position = 0): Promise<void> {
    this.say({ action: 'open', feed });
    await nextTurn();
    await this.opener.answer(opened(position));
    this.hear();
  }

  #hear(data: string | Buffer): void {
    const replies: unknown = typeof data === 'string' ? JSON.parse(data) : unpack(data);
    if (!Array.isArray(replies)) throw new Error('replies travel in an array');
    this.#heard.push(...replies);
  }
}
