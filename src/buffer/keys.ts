/** Every key and channel of a deployment. The braces keep all keys in one cluster slot. */
export interface BufferKeys {
  readonly stream: string;
  readonly meta: string;
  /** Set of the feeds that have, or had, a state. */
  readonly feeds: string;
  /** Channels name the database number: Redis pub/sub ignores it. */
  readonly liveChannel: string;
  readonly flushedChannel: string;
  readonly requestChannel: string;
  /** The list of the Python script that Tickgate replaces; never written, only looked for. */
  readonly legacyList: string;
  state(feed: string): string;
  takeover(feed: string): string;
}

export function bufferKeys(prefix: string, redisDb: number): BufferKeys {
  const base = `{${prefix}}:ticks`;
  return {
    stream: `${base}:stream`,
    meta: `${base}:meta`,
    feeds: `${base}:feeds`,
    liveChannel: `${base}:${redisDb}:live`,
    flushedChannel: `${base}:${redisDb}:flushed`,
    requestChannel: `${base}:${redisDb}:request`,
    legacyList: `${prefix}:ticks:buffer`,
    state: (feed) => `${base}:feed:${feed}`,
    takeover: (feed) => `${base}:takeover:${feed}`,
  };
}
