import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { startGateway } from '../gateway/gateway.ts';
import { print, untilSignal } from './terminal.ts';

export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('the gateway: WebSocket endpoints, HTTP, live fan-out, and the flush coordinator unless --no-flush')
    .option('--no-flush', 'leave flushing to `tickgate daemon`')
    .action(async (options: { readonly flush: boolean }, command: Command) => {
      const config = loadConfig(process.env);
      const gateway = await startGateway({ ...config, flushEnabled: config.flushEnabled && options.flush });
      print(command, `listening on ${gateway.url}`, { url: gateway.url });
      await untilSignal();
      await gateway.close();
    });
}
