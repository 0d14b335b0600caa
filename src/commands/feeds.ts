import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { UsageError } from '../errors.ts';
import { listFeeds, resetFeed, type ListedFeed } from '../store/operator-queries.ts';
import { withStore } from '../store/store-session.ts';
import { print } from './terminal.ts';

interface FeedsOptions {
  readonly reset?: string;
  readonly yes?: boolean;
}

export function registerFeeds(program: Command): void {
  program
    .command('feeds')
    .description('how far each feed is committed')
    .option('--reset <name>', 'forget how far a feed is committed: it begins again at 0')
    .option('--yes', 'confirms --reset')
    .action(async (options: FeedsOptions, command: Command) => {
      const config = loadConfig(process.env);
      const { reset } = options;
      if (reset === undefined) {
        const feeds = await withStore(config, 'feeds', (client) => listFeeds(client, config.ticksPrefix));
        return print(command, describeFeeds(feeds), { feeds: feeds.map(toJson) });
      }
      if (options.yes !== true) throw unconfirmed(reset);
      const seq = await withStore(config, 'feeds', (client) => resetFeed(client, config.ticksPrefix, reset));
      if (seq === undefined) {
        throw new UsageError(`--reset ${reset}: there is no such feed`, { remedy: '`tickgate feeds` lists them' });
      }
      return print(
        command,
        `${reset}: forgot that it was committed up to ${seq}; it begins again at 0, and what it sends again is stored again`,
        { feed: reset, forgottenSeq: seq },
      );
    });
}

function unconfirmed(feed: string): UsageError {
  return new UsageError(
    `--reset ${feed}: Tickgate would forget how far ${feed} is committed, and store again whatever it sends again`,
    { remedy: `delete its ticks first if they will come again, then: tickgate feeds --reset ${feed} --yes` },
  );
}

function describeFeeds(feeds: readonly ListedFeed[]): string {
  if (feeds.length === 0) return 'no feed has committed anything yet';
  const width = Math.max(...feeds.map((row) => row.feed.length));
  return feeds
    .map(
      (row) =>
        `${row.feed.padEnd(width)}  committed ${row.seq}  at ${new Date(row.updatedMs).toISOString()}  ` +
        `writer ${row.writer === '' ? '-' : row.writer}  generation ${row.generation}`,
    )
    .join('\n');
}

function toJson({ updatedMs, ...row }: ListedFeed): object {
  return { ...row, updatedAt: new Date(updatedMs).toISOString() };
}
