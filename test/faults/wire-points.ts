import type { ProxyConnection, TcpProxy } from './tcp-proxy.ts';

/**
 * Named points of the flow, as they show on the wire: nothing in the programs has to know of them. Each is waited for
 * once, and then `act` runs before the bytes go on, or instead of it.
 */
export type WirePoint =
  | 'BEGIN of a flush'
  | 'COPY data of a flush'
  | 'COMMIT of a flush'
  | 'answer to COMMIT'
  | 'flush notice'
  | 'append'
  | 'answer to an append'
  | 'frame of a feed';

const POINT_LIMIT_MS = 30_000;
const COMMIT_QUERY = Buffer.from('COMMIT\0');
const COPY_QUERY = Buffer.from('FROM STDIN (FORMAT binary)');
const COPY_DATA = 0x64;

/** Whether `chunk` is at the point; keeps what it must know of a connection in `memory`. */
function isAt(
  point: WirePoint,
  chunk: Buffer,
  direction: 'up' | 'down',
  memory: { copies: boolean; commits: boolean; appends: boolean },
): boolean {
  const isUp = direction === 'up';
  switch (point) {
    case 'BEGIN of a flush':
      return isUp && chunk.includes('BEGIN ISOLATION LEVEL');
    case 'COPY data of a flush': {
      const at = memory.copies && isUp && chunk[0] === COPY_DATA;
      if (isUp && chunk.includes(COPY_QUERY)) memory.copies = true;
      return at;
    }
    case 'COMMIT of a flush':
      return isUp && chunk.includes(COMMIT_QUERY);
    case 'answer to COMMIT': {
      const at = memory.commits && !isUp;
      memory.commits ||= isUp && chunk.includes(COMMIT_QUERY);
      return at;
    }
    case 'flush notice':
      return isUp && /publish\r\n\$\d+\r\n[^\r]*:flushed\r\n/i.test(chunk.toString('latin1'));
    case 'append':
      return isUp && isAppend(chunk);
    case 'answer to an append': {
      const at = memory.appends && !isUp && chunk.includes('appended');
      memory.appends ||= isUp && isAppend(chunk);
      return at;
    }
    case 'frame of a feed':
      return isUp && chunk.length > 200;
  }
}

/** The append is the script with three keys, the second of which is the stream. */
function isAppend(chunk: Buffer): boolean {
  return chunk.includes(':ticks:stream') && chunk.includes(':live');
}

/**
 * Waits until the point is reached on the link.
 * @param act what happens there; `drop` keeps the bytes from arriving
 * @param signal ends the waiting
 * @throws {Error} when the point is not reached in time
 */
export async function atPoint(
  link: TcpProxy,
  point: WirePoint,
  act: (connection: ProxyConnection) => 'pass' | 'drop',
  signal?: AbortSignal,
): Promise<void> {
  const memories = new Map<ProxyConnection, { copies: boolean; commits: boolean; appends: boolean }>();
  let unwatch = (): unknown => undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => reject(new Error(`not reached: ${point}`));
      timer = setTimeout(giveUp, POINT_LIMIT_MS);
      signal?.addEventListener('abort', giveUp, { once: true });
      unwatch = link.watch((chunk, direction, connection) => {
        const memory = memories.get(connection) ?? { copies: false, commits: false, appends: false };
        memories.set(connection, memory);
        if (!isAt(point, chunk, direction, memory)) return 'pass';
        unwatch();
        resolve();
        return act(connection);
      });
    });
  } finally {
    clearTimeout(timer);
    unwatch();
  }
}
