import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../errors.ts';
import { isFeedName } from '../protocol/feed-request.ts';

/*
 * Parsers of the commands' options, as commander calls them: each throws an error that ends the command with status 2
 * and names the option.
 */

/** The longest time that `--seconds` takes: a week. */
export const MAX_SECONDS = 604_800;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100_000;

/** `--seconds`: how long a command that would not end by itself goes on. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`seconds above 0, at most ${MAX_SECONDS}, are expected`);
  }
  return seconds;
}

/** Seconds, whole or not, between two bounds. */
export function secondsBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const seconds = Number(text);
    if (text.trim() === '' || !(seconds >= min && seconds <= max)) {
      throw new InvalidArgumentError(`seconds from ${min} to ${max} are expected`);
    }
    return seconds;
  };
}

/** `--speed`: `1x` is the pace of the clock, `60x` a minute in a second, `max` without waiting. */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const factor = Number(/^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1]);
  if (!(factor > 0)) throw new InvalidArgumentError('a factor such as 1x or 60x, or max, is expected');
  return factor;
}

/** A whole number between two bounds. */
export function wholeBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max))
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is expected`);
    return number;
  };
}

/** A number above 0, whole or not. */
export function parsePositive(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number > 0)) throw new InvalidArgumentError('a number above 0 is expected');
  return number;
}

/** One of a few words. */
export function oneOf<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new InvalidArgumentError(`${choices.join(' or ')} is expected`);
    return found;
  };
}

/** Collects an option that may be repeated. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Collects an option that may be repeated, of a few words. */
export function collectOneOf<T extends string>(choices: readonly T[]): (text: string, before?: readonly T[]) => T[] {
  const parse = oneOf(choices);
  return (text, before = []) => [...before, parse(text)];
}

/** @throws {UsageError} where `--feed` is not the name of a feed */
export function checkFeedOption(feed: string): void {
  if (isFeedName(feed)) return;
  throw new UsageError(`--feed ${JSON.stringify(feed)} is not a feed name`, {
    remedy: 'use letters, digits, . _ : - (64 at the most)',
  });
}

export interface ListingOptions {
  readonly feed?: string;
  readonly limit: number;
}

/** Adds `--feed` and `--limit` to a command that lists rows. */
export function addListingOptions(command: Command): Command {
  return command
    .option('--feed <name>', 'of this feed only')
    .option('--limit <rows>', 'show the latest so many', parseLimit, DEFAULT_LIMIT);
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new UsageError(`--limit: ${JSON.stringify(text)} is not a whole number from 1 to ${MAX_LIMIT}`, {
    remedy: `write --limit ${DEFAULT_LIMIT}`,
  });
}
