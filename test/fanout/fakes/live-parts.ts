import { Packr } from 'msgpackr';
import { LiveConnection } from '../../../src/fanout/live-connection.ts';
import type { LiveEndpoint, LivePrincipal } from '../../../src/fanout/live-endpoint.ts';
import { LiveHub } from '../../../src/fanout/live-hub.ts';
import type { CodecName } from '../../../src/protocol/version.ts';
import { tickOf } from '../entries.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakePrices } from './fake-prices.ts';
import { FairWorkQueue } from '../../../src/base/fair-work-queue.ts';
import { FakeSocket } from './fake-socket.ts';
import { FakeStream } from './fake-stream.ts';

export const QUEUE_BYTES = 10_000;
const packr = new Packr({ useRecords: false });

/** Who may watch these symbols. */
export const principal = (symbols: LivePrincipal['symbols'], mayWatch = true, name = 'someone'): LivePrincipal => ({
  name,
  symbols,
  mayWatch: () => mayWatch,
});
export const ANYONE: LivePrincipal = principal('*');
export const TOKENS: ReadonlyMap<string, LivePrincipal> = new Map([
  ['good', ANYONE],
  ['narrow', principal(new Set(['A', 'B']))],
  ['publisher', principal('*', false)],
]);

export interface ConnectOptions {
  /** Of the token in the upgrade's header. */
  readonly principal?: LivePrincipal | undefined;
  readonly isOpen?: boolean;
  readonly codec?: CodecName;
  /** By `TOKENS` where left out. */
  readonly authenticate?: LiveEndpoint['authenticate'];
}

export interface Dashboard {
  readonly connection: LiveConnection;
  readonly socket: FakeSocket;
  readonly send: (request: object) => void;
  /** Messages since the last call, in short. */
  readonly take: () => string[];
}

/** The live endpoint on a stream, a store and a clock of the test. */
export class LiveParts implements Disposable {
  readonly clock: FakeClock = new FakeClock();
  readonly stream: FakeStream = new FakeStream();
  readonly store: FakePrices = new FakePrices();
  readonly gaps: string[] = [];
  /** Time that work takes: moved by the test. */
  workMs = 0;
  readonly hub: LiveHub = new LiveHub({
    tail: this.stream,
    prices: this.store,
    observer: {},
    coalesceMs: 5,
    work: new FairWorkQueue({ turnMs: 4, nowMs: () => this.workMs }),
    maxCatchUps: 2,
    clock: this.clock,
  });

  [Symbol.dispose](): void {
    this.hub[Symbol.dispose]();
  }

  /** The stream is known, and last prices are loaded. */
  async up(): Promise<this> {
    if (this.stream.streamId === undefined) this.stream.append();
    this.hub.start();
    this.hub.stream.up(this.stream.run);
    await settle();
    return this;
  }

  publish(symbol: string, price: number): void {
    this.hub.stream.onMessage(this.stream.publish([tickOf(symbol, price)]));
  }

  connect({ principal: from, isOpen = false, codec = 'json', authenticate }: ConnectOptions = {}): Dashboard {
    const endpoint: LiveEndpoint = {
      options: { queueBytes: QUEUE_BYTES, slowMs: 1_000, maxSymbols: 3, maxFeeds: 2 },
      hub: this.hub,
      observer: { onGap: (reason) => void this.gaps.push(reason) },
      isOpen,
      authenticate: authenticate ?? ((token) => (isOpen ? ANYONE : TOKENS.get(token))),
      clock: this.clock,
    };
    const socket = new FakeSocket(codec);
    const connection = new LiveConnection(endpoint, socket, codec, from);
    return {
      connection,
      socket,
      send: (request) => {
        const bytes = codec === 'json' ? Buffer.from(JSON.stringify(request)) : packr.pack(request);
        connection.onMessage(bytes, codec === 'msgpack');
      },
      take: () => socket.take(),
    };
  }

  /** An authenticated dashboard that has sent this. */
  async dashboard(...requests: readonly object[]): Promise<Dashboard> {
    const dashboard = this.connect({ principal: ANYONE });
    dashboard.take();
    for (const request of requests) dashboard.send(request);
    await settle();
    return dashboard;
  }
}

export const auth = (token: string): object => ({ action: 'auth', token });
export const subscribe = (fields: object): object => ({ action: 'subscribe', ...fields });
