import type { Command } from 'commander';
import { UsageError } from '../errors.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100_000;

export interface ListingOptions {
  readonly feed?: string;
  readonly limit: number;
}

/** Adds `--feed` and `--limit` to a command that lists rows. */
export function addListingOptions(command: Command): Command {
  return command
    .option('--feed <name>', 'of this feed only')
    .option('--limit <rows>', 'show the latest so many', parseLimit, DEFAULT_LIMIT);
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new UsageError(`--limit: ${JSON.stringify(text)} is not a whole number from 1 to ${MAX_LIMIT}`, {
    remedy: `write --limit ${DEFAULT_LIMIT}`,
  });
}
