import type { BenchResults } from './bench-results.ts';
import type { GrowthRow } from './bench-growth.ts';
import type { Percentiles } from './drive-feed.ts';
import { median } from './statistics.ts';

type Row = readonly [what: string, measured: string];

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const fixed = (value: number, digits: number): string => value.toFixed(digits);
const mib = (bytes: number): string => `${whole(bytes / 2 ** 20)} MiB`;
const times = (value: number): string => `**${fixed(value, 2)} ×**`;
const milliseconds = ({ p50, p99 }: Percentiles): string => `p50 ${fixed(p50, 1)} ms, p99 ${fixed(p99, 1)} ms`;
const micros = (value: number | undefined): string => (value === undefined ? 'not seen' : `${fixed(value, 2)} µs`);

/** The figures of test/bench/README.md: a table of everything, where it ran, and how to run it again. */
export function resultMarkdown(
  results: BenchResults,
  plots: ReadonlyArray<{ name: string; alt: string }>,
  folder: string,
): string {
  const rows = [
    ...ackRows(results),
    ...flushRows(results),
    ...endToEndRows(results),
    ...liveRows(results),
    ...memoryRows(results),
    ...growthRows(results),
  ];
  return [
    '| what | measured |',
    '| --- | --- |',
    ...rows.map(([what, measured]) => `| ${what} | ${measured} |`),
    '',
    ...machineLines(results),
    '',
    ...plots.map(({ name, alt }) => `![${alt}](${folder}/${name})`),
  ].join('\n');
}

function ackRows({ acks = [] }: BenchResults): Row[] {
  return acks.map((row) => [
    `Acknowledged, frames of ${row.frameTicks}, one connection, 2,000 frames in flight`,
    `**${whole(row.ticksPerSecond)} ticks/s**, ${whole(row.framesPerSecond)} frames/s, ${milliseconds(row.ackMs)}; ` +
      `gateway ${micros(row.gatewayCpuMicrosPerTick)} of processor a tick; ${fixed(row.scriptCallsPerFrame, 3)} script calls a frame`,
  ]);
}

function flushRows({ flush = [] }: BenchResults): Row[] {
  return flush.flatMap((row): Row[] => {
    const what = `${whole(row.rows)} buffered ticks, ${whole(row.symbols)} symbols`;
    return [
      [
        `Flush of ${what}, against psql \`\\copy\` of the same rows`,
        `${times(median(row.ratios))} (rounds: ${row.ratios.map((each) => fixed(each, 2)).join(', ')}); ` +
          `${whole(row.flush.rowsPerSecond)} against ${whole(row.copy.rowsPerSecond)} rows/s; PostgreSQL ` +
          `${micros(row.flush.backendCpuMicrosPerRow)} against ${micros(row.copy.backendCpuMicrosPerRow)} of processor a row, ` +
          `the flush itself ${micros(row.flushCpuMicrosPerRow)}`,
      ],
      [`psql \`\\copy\` of ${what}, sorted by symbol before`, `${whole(row.copySorted.rowsPerSecond)} rows/s`],
    ];
  });
}

function endToEndRows({ endToEnd }: BenchResults): Row[] {
  if (endToEnd === undefined) return [];
  const { steady } = endToEnd;
  return [
    [
      `Feed to committed, ${whole(endToEnd.seconds)} s as fast as it goes, frames of ${endToEnd.frameTicks}`,
      `**${whole(endToEnd.ticksPerSecond)} ticks/s**, ${times(endToEnd.ticksPerSecond / endToEnd.copyRowsPerSecond)} of \`\\copy\` (${whole(endToEnd.copyRowsPerSecond)} rows/s); ` +
        `acknowledged ${milliseconds(endToEnd.ackMs)}; committed ${milliseconds(endToEnd.committedMs)}; processor a tick: gateway ` +
        `${micros(endToEnd.gatewayCpuMicrosPerTick)}, PostgreSQL ${micros(endToEnd.backendCpuMicrosPerTick)}; at most ${mib(endToEnd.gatewayPeakBytes)}`,
    ],
    [
      `Feed to committed at ${whole(steady.ticksPerSecond)} ticks/s, frames of 50, from the instant a frame was due`,
      `acknowledged ${milliseconds(steady.ackMs)}; committed ${milliseconds(steady.committedMs)}${failed(steady.failures)}`,
    ],
  ];
}

function liveRows({ live = [] }: BenchResults): Row[] {
  return live.map((row) => [
    `Live: ${row.name}, ${whole(row.ticksPerSecond)} ticks/s, stored too`,
    `**${whole(row.deliveriesPerSecond)} deliveries/s**, from due to read ${milliseconds(row.deliveryMs)}; ` +
      `${whole(row.messagesPerSecond)} messages/s, ${fixed(row.bytesPerDelivery, 1)} bytes a tick; gateway ` +
      `${micros(row.gatewayCpuMicrosPerDelivery)} of processor a delivery${failed(row.failures)}`,
  ]);
}

function memoryRows({ memory }: BenchResults): Row[] {
  if (memory === undefined) return [];
  const { soak, redisBytesPerTick } = memory;
  return [
    [
      'Redis memory a tick, frames of 500, of 50, and of 1 at 100,000 frames/s',
      redisBytesPerTick.map(({ bytes }) => fixed(bytes, 1)).join(', ') + ' bytes',
    ],
    [
      `Gateway memory over ${fixed(soak.seconds / 60, 1)} minutes at ${whole(soak.ticksPerSecond)} ticks/s`,
      `first minute ${mib(soak.firstMinuteBytes)}, last minute ${mib(soak.lastMinuteBytes)} ` +
        `(${fixed((soak.lastMinuteBytes / soak.firstMinuteBytes - 1) * 100, 1)} %), at most ${mib(soak.peakBytes)}`,
    ],
  ];
}

function growthRows({ growth }: BenchResults): Row[] {
  if (growth === undefined) return [];
  const ratios = (rows: readonly GrowthRow[]): string =>
    rows.map((row) => `${whole(row.of)}: ${fixed(row.flushRowsPerSecond / row.copyRowsPerSecond, 2)} ×`).join(', ');
  return [
    [
      'Processor a tick of the gateway at 100,000 ticks/s, by number of feeds',
      growth.feeds.map((row) => `${row.feeds}: ${micros(row.gatewayCpuMicrosPerTick)}`).join(', '),
    ],
    ['Flush against `\\copy`, by number of symbols that trade four times a second each', ratios(growth.symbols)],
    ['Flush against `\\copy`, symbols that trade once in ten seconds each', ratios([growth.quiet])],
    ['Flush against `\\copy`, by days in one batch', ratios(growth.days)],
    ['Flush against `\\copy`, by `FLUSH_MAX_TICKS`', ratios(growth.batches)],
  ];
}

function failed(failures: readonly string[]): string {
  return failures.length === 0 ? '' : `; FAILED: ${failures.join('; ')}`;
}

function machineLines({ machine, command, startedAt, minutes }: BenchResults): string[] {
  const settings = Object.entries(machine.settings).map(([name, value]) => `${name} ${value}`);
  return [
    `Measured ${startedAt.slice(0, 10)} by \`${command}\` in ${whole(minutes)} minutes, everything in one run on one machine: ` +
      `${machine.cores} × ${machine.processor}, ${machine.memoryGib} GiB, Linux ${machine.kernel}; Node ${machine.node.slice(1)}, ` +
      `PostgreSQL ${machine.postgres}, TimescaleDB ${machine.timescaledb}, Redis ${machine.redis}, ${machine.psql}; ${settings.join(', ')}. ` +
      `Load before: ${fixed(machine.loadBefore, 2)}. Ratios hold on other machines better than absolute figures.`,
  ];
}
