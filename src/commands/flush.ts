import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { StoreUnavailableError } from '../errors.ts';
import { Flusher } from '../gateway/flusher.ts';
import { connectBuffer } from '../gateway/command-buffer.ts';
import { decodeFlushNotice } from '../stream/flush-notice.ts';
import { print } from './terminal.ts';

const LEADER_DEADLINE_MS = 30_000;
const POLL_MS = 50;

export function registerFlush(program: Command): void {
  program
    .command('flush')
    .description('stores everything that is in the buffer now, and prints the number of rows')
    .action(async (_options: unknown, command: Command) => {
      const config = loadConfig(process.env);
      const rows = (await flushHere(config)) ?? (await flushByLeader(config));
      print(command, String(rows), { rows });
    });
}

/** Undefined when another coordinator leads. */
async function flushHere(config: Config): Promise<number | undefined> {
  await using flusher = new Flusher(config);
  return await flusher.flushAll();
}

/** Asks the coordinator that leads, and counts the rows it stores until the buffer is empty. */
async function flushByLeader(config: Config): Promise<number> {
  await using connection = await connectBuffer(config);
  let rows = 0;
  await connection.onFlushed((message) => (rows += decodeFlushNotice(message).rows));
  const deadlineMs = Date.now() + LEADER_DEADLINE_MS;
  for (;;) {
    await connection.buffer.requestFlush();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if ((await connection.buffer.size()).ticks === 0) return rows;
    if (Date.now() > deadlineMs) {
      throw new StoreUnavailableError(
        `the coordinator that leads has not emptied the buffer in ${LEADER_DEADLINE_MS / 1000} s`,
        {
          remedy: 'see /readyz or the log of the daemon',
        },
      );
    }
  }
}
