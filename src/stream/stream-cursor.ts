/** A position in the stream: every live entry up to and with number `liveSeq` has been seen. */
export interface StreamCursor {
  /** First characters of the run id of the Redis server. */
  readonly run: string;
  /** Random name of the stream, or {@link NO_STREAM}. */
  readonly streamId: string;
  /** Id of an entry; no live entry lies between number `liveSeq` and it. */
  readonly id: string;
  readonly liveSeq: number;
}

/** Instead of a stream's name, where there is no stream yet. */
export const NO_STREAM = '-';
export const FIRST_ID = '0-0';

const RUN_PREFIX_LENGTH = 12;
const TOKEN = /^([0-9a-f]{1,40})\.([\w-]{1,40})\.(\d{1,16}-\d{1,16})\.(\d{1,16})$/;

/** Enough of a run id to tell servers apart. */
export function runPrefix(run: string): string {
  return run.slice(0, RUN_PREFIX_LENGTH);
}

/** Resume token of a cursor: the opaque text that dashboards hand back as `resume`. */
export function formatResumeToken(cursor: StreamCursor): string {
  return `${cursor.run}.${cursor.streamId}.${cursor.id}.${cursor.liveSeq}`;
}

/** @returns undefined for a text that no gateway has given */
export function parseResumeToken(text: string): StreamCursor | undefined {
  const [, run, streamId, id, liveSeq] = TOKEN.exec(text) ?? [];
  if (run === undefined || streamId === undefined || id === undefined) return undefined;
  return { run, streamId, id, liveSeq: Number(liveSeq) };
}

/** Redis's clock when the entry was made, milliseconds since the epoch. */
export function idMillis(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}
