import type { BenchResults } from './bench-results.ts';
import type { GrowthRow } from './bench-growth.ts';
import { barPlot, linePlot } from './svg-plot.ts';

export interface ResultPlot {
  /** File name. */
  readonly name: string;
  /** What it shows, for readers who do not see it. */
  readonly alt: string;
  readonly svg: string;
}

const MIB = 2 ** 20;

/** The plots of a run; parts that were left out have none. */
export function plotsOf(results: BenchResults): ResultPlot[] {
  const plots: ResultPlot[] = [];
  const { acks, flush, memory, growth } = results;
  if (acks !== undefined) {
    const svg = barPlot({
      title: 'Buffered acknowledgements, one connection',
      unit: 'ticks a second',
      groups: acks.map((row) => `frames of ${row.frameTicks}`),
      series: [{ name: 'ticks/s', values: acks.map((row) => row.ticksPerSecond) }],
    });
    plots.push({ name: 'acks.svg', alt: 'Acknowledged ticks a second by frame size', svg });
  }
  if (flush !== undefined) {
    const svg = barPlot({
      title: 'The same rows into the same table',
      unit: 'rows a second, medians',
      groups: flush.map((row) => `${row.symbols.toLocaleString('en')} symbols`),
      series: [
        { name: '\\copy, as they arrive', values: flush.map((row) => row.copy.rowsPerSecond) },
        { name: 'Tickgate’s flush', values: flush.map((row) => row.flush.rowsPerSecond) },
        { name: '\\copy, sorted before', values: flush.map((row) => row.copySorted.rowsPerSecond) },
      ],
    });
    plots.push({ name: 'storing.svg', alt: 'Rows a second of psql’s copy and of the flush', svg });
  }
  if (memory !== undefined) {
    const points = memory.soak.residentBytes.map((bytes, second) => [second / 60, bytes / MIB] as const);
    const svg = linePlot({
      title: 'Memory of the gateway at half of its maximum rate',
      unit: 'MiB resident',
      xLabel: 'minutes',
      isLogarithmic: false,
      series: [{ name: 'gateway', points }],
    });
    plots.push({ name: 'memory.svg', alt: 'Resident memory of the gateway over time', svg });
  }
  if (growth !== undefined) {
    const ratios = (name: string, rows: readonly GrowthRow[]) => ({
      name,
      points: rows.map((row) => [row.of, row.flushRowsPerSecond / row.copyRowsPerSecond] as const),
    });
    const svg = linePlot({
      title: 'Flush by \\copy of the same rows, as a deployment grows',
      unit: 'times as fast as \\copy',
      xLabel: 'how many',
      isLogarithmic: true,
      series: [
        ratios('symbols', growth.symbols),
        ratios('days in a batch', growth.days),
        ratios('ticks a batch', growth.batches),
      ],
    });
    plots.push({ name: 'growth.svg', alt: 'Flush speed by number of symbols, days and ticks in a batch', svg });
  }
  return plots;
}
