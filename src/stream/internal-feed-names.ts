/**
 * First character of the feeds that gateways and commands run themselves, for frames without a number. No client may
 * open such a name; a token's `feeds` may hold the bare prefix, which allows unnumbered frames.
 */
export const INTERNAL_FEED_PREFIX = '~';

export function isInternalFeed(name: string): boolean {
  return name.startsWith(INTERNAL_FEED_PREFIX);
}
