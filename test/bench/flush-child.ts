import { pathToFileURL } from 'node:url';
import { loadConfig } from '../../src/config.ts';
import type * as FlusherModule from '../../src/gateway/flusher.ts';

/**
 * A process that flushes what is in the buffer each time it is asked to: the project's own coordinator, warm as in a
 * gateway that has run for a while, and with no other work on its threads.
 */
export interface FlushAnswer {
  readonly rows: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

const MICROS_A_SECOND = 1_000_000;
const [modulePath = ''] = process.argv.slice(2);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same module, from the sources or compiled
const { Flusher } = (await import(pathToFileURL(modulePath).href)) as typeof FlusherModule;
const config = loadConfig(process.env);

async function flush(): Promise<FlushAnswer> {
  const flusher = new Flusher(config);
  let cpuStart = process.cpuUsage();
  let startMs = performance.now();
  // Connecting does not count, as it does not in the time that psql tells.
  const rows = await flusher.flushAll(() => {
    cpuStart = process.cpuUsage();
    startMs = performance.now();
  });
  const wallSeconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuStart);
  await flusher[Symbol.asyncDispose]();
  if (rows === undefined) throw new Error('another coordinator leads');
  return { rows, wallSeconds, cpuSeconds: (user + system) / MICROS_A_SECOND };
}

process.on('message', () => {
  flush().then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('SIGTERM', () => process.exit(0));
process.send?.('ready');
