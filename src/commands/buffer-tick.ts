import type { Command } from 'commander';
import { withDeadline } from '../base/deadline.ts';
import { loadConfig } from '../config.ts';
import { StoreUnavailableError, UsageError } from '../errors.ts';
import { connectBuffer } from '../gateway/command-buffer.ts';
import { ByteWriter } from '../market/byte-writer.ts';
import type { CheckedTicks } from '../market/tick-check.ts';
import {
  checkPrice,
  checkTime,
  checkVolume,
  formatMicros,
  isSymbol,
  parseIsoMicros,
  type RejectReason,
  type Tick,
} from '../market/tick.ts';
import { print } from './terminal.ts';

const ACK_DEADLINE_MS = 15_000;

export function registerBufferTick(program: Command): void {
  program
    .command('buffer-tick')
    .description('puts one tick into the buffer, e.g. buffer-tick COMI 45.50 1000')
    .argument('<symbol>', 'such as COMI')
    .argument('<price>', 'such as 45.50')
    .argument('<volume>', 'whole shares')
    .argument('[time]', 'ISO 8601 with a zone; default: now')
    .option('--wait', 'until the tick is committed')
    .action(
      async (
        symbol: string,
        price: string,
        volume: string,
        time: string | undefined,
        options: { readonly wait?: true },
        command: Command,
      ) => {
        const tick = parseTick(symbol, price, volume, time, Date.now() * 1000);
        const outcome = options.wait === true ? 'committed' : 'buffered';
        await using connection = await connectBuffer(loadConfig(process.env));
        await untilDone(await connection.publishOneOff(toRows(tick)), outcome);
        print(command, `${outcome} ${tick.symbol} ${tick.price} × ${tick.volume} at ${formatMicros(tick.timeMicros)}`, {
          ...tick,
          outcome,
        });
      },
    );
}

async function untilDone(
  published: { readonly acked: Promise<void>; readonly committed: Promise<void> },
  outcome: string,
): Promise<void> {
  const done = outcome === 'committed' ? published.committed : published.acked;
  if (
    (await withDeadline(
      done.then(() => true),
      ACK_DEADLINE_MS,
    )) !== undefined
  )
    return;
  throw new StoreUnavailableError(`the tick could not be ${outcome} in ${ACK_DEADLINE_MS / 1000} s`, {
    remedy: 'run `tickgate doctor`; a tick is committed by `tickgate serve`, `daemon` or `flush`',
  });
}

/** @throws {UsageError} naming the argument that is wrong */
export function parseTick(
  symbol: string,
  price: string,
  volume: string,
  time: string | undefined,
  nowMicros: number,
): Tick {
  const remedy = 'tickgate buffer-tick SYMBOL PRICE VOLUME [TIME], e.g. buffer-tick COMI 45.50 1000';
  const refuse = (name: string, text: string, reason: RejectReason | undefined): void => {
    if (reason !== undefined)
      throw new UsageError(`${name} ${JSON.stringify(text)}: ${reason.replaceAll('_', ' ')}`, { remedy });
  };
  const timeMicros = time === undefined ? nowMicros : parseIsoMicros(time);
  refuse('symbol', symbol, isSymbol(symbol) ? undefined : 'symbol_invalid');
  refuse('price', price, checkPrice(toNumber(price)));
  refuse('volume', volume, checkVolume(toNumber(volume)));
  refuse('time', time ?? '', checkTime(timeMicros, nowMicros));
  return { symbol, price: toNumber(price), volume: toNumber(volume), timeMicros };
}

/** Number() takes '' and '0x10' too. */
function toNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

function toRows(tick: Tick): CheckedTicks {
  const out = new ByteWriter(64);
  out.msgpackArrayHeader(1);
  out.byte(0x94);
  out.msgpackShortString(Buffer.from(tick.symbol));
  out.msgpackDouble(tick.price);
  out.msgpackUint(tick.volume);
  out.msgpackUint(tick.timeMicros);
  return { rows: out.copy(), count: 1, rejected: [] };
}
