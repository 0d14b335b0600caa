import type { Command } from 'commander';
import { LiveClosedError } from '../../clients/live/live-link.ts';
import { nodeLiveClient } from '../../clients/live/node-live-client.ts';
import { loadConfig } from '../config.ts';
import { safeJson, safeText } from '../base/safe-text.ts';
import { StoreUnavailableError, UsageError } from '../errors.ts';
import { formatMicros, isSymbol, MAX_SYMBOL_LENGTH } from '../market/tick.ts';
import { gatewayUrl } from './gateway-url.ts';
import { isJsonAsked, untilSignal } from './terminal.ts';

interface TailOptions {
  readonly url?: string;
  readonly latest?: true;
}

export function registerTail(program: Command): void {
  program
    .command('tail')
    .description('prints live ticks in the terminal, until Ctrl-C')
    .argument('[symbols...]', 'such as COMI SWDY; none: every symbol')
    .option('--url <url>', 'the gateway; default: GATEWAY_HOST and GATEWAY_PORT')
    .option('--latest', 'only the newest tick of a symbol where ticks come faster than they can be printed')
    .action(async (symbols: readonly string[], options: TailOptions, command: Command) => {
      for (const symbol of symbols) {
        if (!isSymbol(symbol))
          throw new UsageError(`${JSON.stringify(symbol)} is not a symbol`, { remedy: 'name symbols such as COMI' });
      }
      const config = loadConfig(process.env);
      const asJson = isJsonAsked(command);
      const client = nodeLiveClient({
        url: options.url ?? gatewayUrl(config),
        token: config.tickgateToken,
        mode: options.latest === true ? 'latest' : 'all',
        snapshot: true,
        onGap: (gap) =>
          process.stderr.write(`gap: ${gap.dropped ?? 'some'} ticks did not come (${safeText(gap.reason)})\n`),
        onState: (state) => process.stderr.write(`${state}\n`),
        onStale: () => process.stderr.write('nothing is heard from the gateway\n'),
      });
      void untilSignal().then(() => client.close());
      try {
        for await (const tick of client.ticks(symbols.length === 0 ? ['*'] : symbols)) {
          const time = formatMicros(tick.timeMicros);
          process.stdout.write(
            asJson
              ? `${safeJson(JSON.stringify({ ...tick, time }))}\n`
              : `${time}  ${safeText(tick.symbol, MAX_SYMBOL_LENGTH).padEnd(10)} ${String(tick.price).padStart(12)} ${String(tick.volume ?? '').padStart(12)}${tick.isSnapshot ? '  last' : ''}\n`,
          );
        }
      } catch (error) {
        if (!(error instanceof LiveClosedError)) throw error;
        throw new StoreUnavailableError(`the gateway ended the connection: ${safeText(error.message)}`, {
          remedy: 'set TICKGATE_TOKEN to a token with the role live',
          cause: error,
        });
      }
    });
}
