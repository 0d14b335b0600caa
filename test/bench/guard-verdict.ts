import type { GuardMeasures } from './guard-measures.ts';

/** How far a measure may fall behind the recorded one before the guard fails; room for noise, not for a mistake. */
const LEEWAY: Readonly<Record<keyof GuardMeasures, number>> = {
  backendCpuRatio: 0.8,
  wallRatio: 0.5,
  flushCpuShare: 2,
  entriesPerFrame: 3,
  redisBytesPerTick: 1.15,
  heapBytesPerTick: 1.3,
};

/** The measures that are well below the recorded ones, a sentence each. Pure. */
export function fallenBehind(measured: Partial<GuardMeasures>, recorded: GuardMeasures): string[] {
  return [
    ...below('backendCpuRatio', measured.backendCpuRatio, recorded.backendCpuRatio),
    ...below('wallRatio', measured.wallRatio, recorded.wallRatio),
    ...above('flushCpuShare', '', measured.flushCpuShare, recorded.flushCpuShare),
    ...eachAbove('entriesPerFrame', measured.entriesPerFrame, recorded.entriesPerFrame),
    ...eachAbove('redisBytesPerTick', measured.redisBytesPerTick, recorded.redisBytesPerTick),
    ...eachAbove('heapBytesPerTick', measured.heapBytesPerTick, recorded.heapBytesPerTick),
  ];
}

function below(name: keyof GuardMeasures, measured: number | undefined, recorded: number): string[] {
  const least = recorded * LEEWAY[name];
  // Written so that a NaN, which is no measure at all, fails too.
  if (measured === undefined || measured >= least) return [];
  return [`${name} is ${digits(measured)}, below ${digits(least)} (recorded: ${digits(recorded)})`];
}

function above(name: keyof GuardMeasures, of: string, measured: number | undefined, recorded: number): string[] {
  const most = recorded * LEEWAY[name];
  if (measured === undefined || measured <= most) return [];
  return [`${name}${of} is ${digits(measured)}, above ${digits(most)} (recorded: ${digits(recorded)})`];
}

function eachAbove(
  name: keyof GuardMeasures,
  measured: Readonly<Record<string, number>> | undefined,
  recorded: Readonly<Record<string, number>>,
): string[] {
  if (measured === undefined) return [];
  return Object.entries(recorded).flatMap(([ticks, value]) =>
    above(name, `, frames of ${ticks},`, measured[ticks] ?? Number.NaN, value),
  );
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}
