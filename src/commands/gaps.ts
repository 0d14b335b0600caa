import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { listGaps, type ListedGap, type Listing } from '../store/operator-queries.ts';
import { withStore } from '../store/store-session.ts';
import { addListingOptions, type ListingOptions } from './options.ts';
import { print } from './terminal.ts';

export function registerGaps(program: Command): void {
  addListingOptions(program.command('gaps').description('what feeds declared they can no longer supply')).action(
    async (options: ListingOptions, command: Command) => {
      const config = loadConfig(process.env);
      const listing = await withStore(config, 'gaps', (client) => listGaps(client, config.ticksPrefix, options));
      print(command, describe(listing), { total: listing.total, gaps: listing.rows.map(toJson) });
    },
  );
}

function describe({ rows, total }: Listing<ListedGap>): string {
  if (rows.length === 0) return 'no gaps';
  const head = total > rows.length ? `${total} gaps, the latest ${rows.length}:` : `${total} gaps:`;
  const lines = rows.map(
    (row) => `${new Date(row.declaredMs).toISOString()}  ${row.feed}  after ${row.afterSeq} up to ${row.nextSeq}`,
  );
  return [head, ...lines].join('\n');
}

function toJson({ declaredMs, ...row }: ListedGap): object {
  return { ...row, declaredAt: new Date(declaredMs).toISOString() };
}
