import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { connectBuffer } from '../gateway/command-buffer.ts';
import { print } from './terminal.ts';

export function registerBufferSize(program: Command): void {
  program
    .command('buffer-size')
    .description('ticks in the buffer that are not yet committed')
    .action(async (_options: unknown, command: Command) => {
      await using connection = await connectBuffer(loadConfig(process.env));
      const { ticks } = await connection.buffer.size();
      print(command, String(ticks), { ticks });
    });
}
