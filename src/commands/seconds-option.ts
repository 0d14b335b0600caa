import { InvalidArgumentError } from 'commander';

/** A week. */
export const MAX_SECONDS = 604_800;

/** Parses `--seconds`: how long a command that would not end by itself goes on. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`seconds above 0, at most ${MAX_SECONDS}, are expected`);
  }
  return seconds;
}
