/** A point in the stream: everything shown up to and with entry `shown` has been seen. */
export interface StreamPlace {
  /** First characters of the run id of the Redis server. */
  readonly run: string;
  /** Random name of the stream, or {@link NO_STREAM}. */
  readonly incarnation: string;
  /** Stream id; nothing shown lies between entry `shown` and it. */
  readonly id: string;
  readonly shown: number;
}

/** In place of an incarnation, where there is no stream yet. */
export const NO_STREAM = '-';
export const FIRST_ID = '0-0';

const RUN_MARK_LENGTH = 12;
const POSITION = /^([0-9a-f]{1,40})\.([\w-]{1,40})\.(\d{1,16}-\d{1,16})\.(\d{1,16})$/;

/** Enough of a run id to tell servers apart. */
export function runMark(run: string): string {
  return run.slice(0, RUN_MARK_LENGTH);
}

/** A place as the opaque text that dashboards hand back as `resume`. */
export function formatPosition(place: StreamPlace): string {
  return `${place.run}.${place.incarnation}.${place.id}.${place.shown}`;
}

/** @returns undefined for a text that no gateway has given */
export function parsePosition(text: string): StreamPlace | undefined {
  const [, run, incarnation, id, shown] = POSITION.exec(text) ?? [];
  if (run === undefined || incarnation === undefined || id === undefined) return undefined;
  return { run, incarnation, id, shown: Number(shown) };
}

/** Redis's clock when the entry was made, milliseconds since the epoch. */
export function idMillis(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}

/** Order of stream ids `ms-n`. */
export function compareIds(a: string, b: string): number {
  const [aMs = 0, aN = 0] = a.split('-').map(Number);
  const [bMs = 0, bN = 0] = b.split('-').map(Number);
  return aMs - bMs || aN - bN;
}
