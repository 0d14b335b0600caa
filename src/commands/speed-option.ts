import { InvalidArgumentError } from 'commander';

/** Parses `--speed`: `1x` is the pace of the clock, `60x` a minute in a second, `max` without waiting. */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const factor = Number(/^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1]);
  if (!(factor > 0)) throw new InvalidArgumentError('a factor such as 1x or 60x, or max, is expected');
  return factor;
}
