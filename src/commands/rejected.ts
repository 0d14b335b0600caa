import type { Command } from 'commander';
import { Unpackr } from 'msgpackr';
import { loadConfig } from '../config.ts';
import { listRejected, type Listing, type ListedRejection } from '../store/operator-queries.ts';
import { withStore } from '../store/store-session.ts';
import { addListingOptions, type ListingOptions } from './options.ts';
import { print } from './terminal.ts';

export function registerRejected(program: Command): void {
  addListingOptions(program.command('rejected').description('ticks that could not be stored, and why')).action(
    async (options: ListingOptions, command: Command) => {
      const config = loadConfig(process.env);
      const listing = await withStore(config, 'rejected', (client) =>
        listRejected(client, config.ticksPrefix, options),
      );
      print(command, describe(listing), { total: listing.total, rejected: listing.rows.map(toJson) });
    },
  );
}

function describe({ rows, total }: Listing<ListedRejection>): string {
  if (rows.length === 0) return 'no rejected ticks';
  const head = total > rows.length ? `${total} rejected ticks, the latest ${rows.length}:` : `${total} rejected ticks:`;
  const lines = rows.map(
    (row) =>
      `${new Date(row.rejectedMs).toISOString()}  ${row.feed} seq ${row.seq} tick ${row.index}  ${row.reason}  ${describeRaw(row.raw)}`,
  );
  return [head, ...lines].join('\n');
}

function toJson(row: ListedRejection): object {
  return {
    feed: row.feed,
    seq: row.seq,
    index: row.index,
    reason: row.reason,
    tick: describeRaw(row.raw),
    rawHex: row.raw.toString('hex'),
    rejectedAt: new Date(row.rejectedMs).toISOString(),
  };
}

const unpackr = new Unpackr({ useRecords: false });
/** A JSON row begins with one of these; a msgpack array never does. */
const JSON_STARTS: readonly string[] = ['[', '{', '"'];

/** The tick as JSON text: it came as msgpack or as JSON, and may be neither. */
export function describeRaw(raw: Buffer): string {
  try {
    const value: unknown = JSON_STARTS.includes(raw.toString('latin1', 0, 1))
      ? JSON.parse(raw.toString('utf8'))
      : unpackr.unpack(raw);
    const text: unknown = JSON.stringify(value, (_key, each: unknown) =>
      typeof each === 'bigint' || (typeof each === 'number' && !Number.isFinite(each)) ? String(each) : each,
    );
    if (typeof text === 'string') return text;
  } catch {
    // Neither: printed as bytes.
  }
  return `0x${raw.toString('hex')}`;
}
