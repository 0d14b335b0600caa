import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { rebuildBars, type RebuildReport } from '../store/rebuild-bars.ts';
import { withStore } from '../store/store-session.ts';
import { print, showSteps } from './terminal.ts';

interface RebuildBarsOptions {
  readonly from?: string;
  readonly to?: string;
  readonly deleteEmpty?: boolean;
}

export function registerRebuildBars(program: Command): void {
  program
    .command('rebuild-bars')
    .description('recomputes the one-minute bars from the ticks')
    .option(
      '--from <day or time>',
      'such as 2025-12-01 (a day of BARS_TIME_ZONE) or 2025-12-01T08:00:00Z; default: the first tick',
    )
    .option('--to <day or time>', 'a day, which is included, or a time, which is not; default: the last tick')
    .option('--delete-empty', 'also delete bars of these days that have no ticks')
    .action(async (options: RebuildBarsOptions, command: Command) => {
      const config = loadConfig(process.env);
      const report = await withStore(config, 'rebuild-bars', (client) =>
        rebuildBars(client, config, {
          from: options.from,
          to: options.to,
          deleteEmpty: options.deleteEmpty === true,
          onSlice: (done, total) => showSteps('day', done, total),
        }),
      );
      print(command, describe(report), report);
    });
}

function describe(report: RebuildReport): string {
  const parts = [`${report.minutes} minutes have ticks: ${report.changed} bars changed`];
  if (report.deleted > 0) parts.push(`${report.deleted} without ticks deleted`);
  if (report.ambiguous > 0) {
    parts.push(
      `${report.ambiguous} ambiguous (several prices at one first or last time), ${report.kept} of them kept as stored`,
    );
  }
  return parts.join('; ');
}
