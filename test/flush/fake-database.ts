import { Writable } from 'node:stream';
import { Client } from 'pg';
import { float8Array, readTimestampArray } from '../../src/flush/binary-arrays.ts';
import type { Watermark } from '../../src/flush/chain-filter.ts';
import type { CoordinatorStore } from '../../src/flush/coordinator-ports.ts';

/** A query as `client.query` is given it: text, a named statement, or a COPY. */
interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly isCopy: boolean;
}

/** A hook before each query: may throw, or wait. */
export type QueryHook = (text: string, backend: number) => void | Promise<void>;

/** Watermarks and the leader lock, with sessions that take the statements of a flush. No SQL is understood. */
export class FakeDatabase {
  readonly watermarks: Map<string, Watermark> = new Map();
  /** Moves of watermarks, as committed: `feed from>to`. */
  readonly committed: string[] = [];
  /** Texts of all statements, their first word or name. */
  readonly statements: string[] = [];
  readonly readRowsCalls: string[][] = [];
  readonly sessions: Client[] = [];
  lockHolder: number | undefined;
  holderSample: Record<string, unknown> | undefined;
  progress: string | undefined;
  spentFeeds: string[] = [];
  onQuery: QueryHook = () => undefined;
  connectError: Error | undefined;
  readonly store: CoordinatorStore;

  constructor() {
    this.store = {
      prefix: 't',
      lockKey: [1, 2],
      settingsFor: () => '',
      copyTarget: () => Promise.resolve('t_ticks'),
      upsertBars: (_client, bars) => Promise.resolve(storedBars(bars)),
      classify: (error) => (error instanceof Error && error.message === 'drift' ? 'schema-drift' : 'retry'),
      describeRefusal: String,
      fallBackToHypertable: () => false,
      connect: async () => {
        if (this.connectError !== undefined) throw this.connectError;
        return this.connect();
      },
      readRows: async (feeds) => {
        this.readRowsCalls.push([...feeds]);
        await this.onQuery('readRows', 0);
        return new Map(
          feeds.flatMap((feed) => {
            const row = this.watermarks.get(feed);
            return row === undefined ? [] : [[feed, row]];
          }),
        );
      },
      progressOfWaiting: () => Promise.resolve(this.progress),
      deleteSpentFeeds: () => Promise.resolve(this.spentFeeds.splice(0)),
    };
  }

  /** A session of its own: a `Client` that is never connected. */
  connect(): Client {
    const backend = this.sessions.length + 1;
    let staged: Array<readonly [feed: string, from: number, to: number]> = [];
    const answer = async ({ text, values }: Statement): Promise<unknown> => {
      this.statements.push(/^tickgate_\w+|\w+/.exec(text)?.[0] ?? '');
      await this.onQuery(text, backend);
      const isFree = this.lockHolder === undefined || this.lockHolder === backend;
      if (text.includes('pg_try_advisory_lock')) {
        if (isFree) this.lockHolder = backend;
        return { rows: [{ taken: isFree }] };
      }
      if (text.includes('pg_terminate_backend')) {
        this.lockHolder = undefined;
        return { rows: [{ ended: true }] };
      }
      if (text.includes('pg_stat_activity'))
        return { rows: this.holderSample === undefined ? [] : [this.holderSample] };
      if (text.startsWith('BEGIN ISOLATION')) return { rows: [{ locked: isFree }] };
      if (text.startsWith('tickgate_flush_rows')) {
        const feeds = namesIn(values[0]);
        return {
          rows: feeds.flatMap((feed) => {
            const row = this.watermarks.get(feed);
            return row === undefined ? [] : [{ feed, ...row }];
          }),
        };
      }
      if (text.startsWith('tickgate_flush_advance')) {
        const [feeds, generations, from, to] = values.map(namesIn);
        staged = (feeds ?? []).flatMap((feed, at) => {
          const row = this.watermarks.get(feed);
          const isAsExpected = row?.generation === generations?.[at] && row?.seq === Number(from?.[at]);
          return isAsExpected ? [[feed, Number(from?.[at]), Number(to?.[at])] as const] : [];
        });
        return { rows: staged.map(([feed, , seq]) => ({ feed, seq })) };
      }
      if (text === 'COMMIT') {
        for (const [feed, from, to] of staged) {
          this.watermarks.set(feed, { seq: to, generation: this.watermarks.get(feed)?.generation ?? '' });
          this.committed.push(`${feed} ${from}>${to}`);
        }
        staged = [];
      }
      if (text === 'ROLLBACK') staged = [];
      return { command: text, rows: [] };
    };
    const client = new Client();
    const session = Object.assign(client, {
      processID: backend,
      query: (query: unknown, values?: unknown) => {
        const statement = statementOf(query, values);
        if (!statement.isCopy) return answer(statement);
        const copy = new Writable({ write: (_chunk, _encoding, done) => done() });
        void answer(statement).catch((error: unknown) => copy.destroy(error instanceof Error ? error : undefined));
        return copy;
      },
      end: () => {
        if (this.lockHolder === backend) this.lockHolder = undefined;
        client.emit('end');
        return Promise.resolve();
      },
    });
    this.sessions.push(session);
    return session;
  }
}

function statementOf(query: unknown, values: unknown): Statement {
  const given = Array.isArray(values) ? values : [];
  if (typeof query === 'string') return { text: query, values: given, isCopy: false };
  if (typeof query !== 'object' || query === null) throw new TypeError('not a query');
  if ('name' in query) {
    const named = 'values' in query && Array.isArray(query.values) ? query.values : [];
    return { text: String(query.name), values: named, isCopy: false };
  }
  return { text: 'COPY', values: [], isCopy: true };
}

function namesIn(values: unknown): string[] {
  return Array.isArray(values) ? values.map(String) : [];
}

/** Bars as the upsert returns them: `numeric` columns come back as doubles. */
function storedBars(bars: readonly Buffer[]): Buffer[] {
  const [, time = Buffer.alloc(0), open, high, low, close, , trades, , openAt, closeAt] = bars;
  const numbers = float8Array(readTimestampArray(time).map(() => 0));
  return [time, open, high, low, close, numbers, trades, numbers, openAt, closeAt].flatMap((column) => column ?? []);
}
