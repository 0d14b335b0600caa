import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { setupDatabase, type SetupReport } from '../store/setup-database.ts';
import { withStore } from '../store/store-session.ts';
import { describeEdition } from '../store/timescale-edition.ts';
import { print } from './terminal.ts';

export function registerSetupDb(program: Command): void {
  program
    .command('setup-db')
    .description('creates or upgrades tables, bars and views; safe to run again')
    .action(async (_options: unknown, command: Command) => {
      const config = loadConfig(process.env);
      const report = await withStore(config, 'setup-db', (client) => setupDatabase(client, config));
      print(command, describeReport(report), report);
    });
}

function describeReport(report: SetupReport): string {
  const done = [
    ...(report.extensionCreated ? ['the extension'] : []),
    ...report.applied,
    ...(report.viewsRenewed ? [`views (days in ${report.timeZone})`] : []),
  ];
  const versions = `PostgreSQL ${report.postgresVersion}, TimescaleDB ${report.timescaleVersion} ${describeEdition(report.edition)}`;
  const what = done.length === 0 ? 'nothing to do' : `made ${done.join(', ')}`;
  const lines = [`ready: ${report.address}, ${versions}: ${what}`, ...report.notes.map((note) => `note: ${note}`)];
  return lines.join('\n');
}
