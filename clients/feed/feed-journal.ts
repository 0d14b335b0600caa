import { crc32c } from '@node-rs/crc32';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { FeedError } from './feed-errors.ts';
import type { FeedFrame } from './feed-frame.ts';
import type { FeedJournal } from './feed-journal-port.ts';
import { claimJournal } from './journal-claim.ts';
import { decodeFrameRecord, encodeFrameRecord, RecordType } from './journal-records.ts';

/** When a record reaches the disk: with each append, at an interval (default 100 ms), or when the system writes it. */
export type FsyncPolicy = 'always' | 'never' | { readonly everyMs: number };

/** Options of a {@link FileJournal}. */
export interface FileJournalOptions {
  readonly path: string;
  /**
   * `never` survives the death of the process, `always` also that of the machine.
   * Default: every 100 ms.
   */
  readonly fsync?: FsyncPolicy;
  /** Bound of the file. Default 1 GiB; an append beyond it fails. */
  readonly maxBytes?: number;
  /** At most this many bytes of committed frames are kept, for a database restored from a backup. Default 64 MiB. */
  readonly graceBytes?: number;
}

/** The file is larger than it may be: the gateway has not committed for too long. */
export class JournalFullError extends FeedError {
  override readonly name = 'JournalFullError';
}

const RECORD_HEADER_BYTES = 8;
const MAX_BYTES = 1024 * 1024 * 1024;
const GRACE_BYTES = 64 * 1024 * 1024;
const COMPACT_SLACK_BYTES = 16 * 1024 * 1024;
const FSYNC_EVERY_MS = 100;

/**
 * Write-ahead log of a feed: with it a feed whose process dies loses no frame it took responsibility for.
 *
 * The file is a row of records: 4 bytes length, 4 bytes CRC32C of the rest, 1 byte type, payload. It is only
 * appended to; a record cut short or damaged ends it, and is cut off when it is opened. Committed frames past
 * their grace are dropped by writing the file anew beside it and renaming it.
 */
export class FileJournal implements FeedJournal {
  readonly #options: FileJournalOptions;
  readonly #release: () => void;
  #fd: number;
  #size = 0;
  #instance: string = randomUUID();
  #attempt = 0;
  #committed = 0;
  #kept: Array<{ readonly frame: FeedFrame; readonly bytes: number }> = [];
  #committedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDirty = false;
  #isSyncing = false;

  /** Opens or makes the file. @throws {FeedError} when another process uses it, or it cannot be written */
  constructor(options: FileJournalOptions) {
    this.#options = options;
    this.#release = claimJournal(options.path);
    try {
      this.#fd = openSync(options.path, 'a+', 0o600);
      this.#load();
      // A journal without a frame claims nothing: another program may have spoken since, and a process that kept the
      // old name would be refused for good.
      if (this.#kept.length === 0) this.#beginAnew();
    } catch (cause) {
      this.#release();
      throw new FeedError(
        `the journal ${options.path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
    const policy = options.fsync ?? { everyMs: FSYNC_EVERY_MS };
    if (typeof policy === 'object') this.#timer = setInterval(() => this.#sync(), policy.everyMs).unref();
  }

  get instance(): string {
    return this.#instance;
  }

  get attempt(): number {
    return this.#attempt;
  }

  get committedSeq(): number {
    return this.#committed;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size;
  }

  *frames(): Generator<FeedFrame> {
    for (const { frame } of this.#kept) yield frame;
  }

  keepAttempt(attempt: number): void {
    this.#attempt = attempt;
    this.#write(RecordType.attempt, Buffer.from(String(attempt)));
  }

  append(frame: FeedFrame): void {
    const record = encodeFrameRecord(frame);
    if (this.#size + record.length > (this.#options.maxBytes ?? MAX_BYTES)) {
      throw new JournalFullError(`the journal ${this.#options.path} is full: nothing has been committed for too long`);
    }
    this.#write(RecordType.frame, record);
    this.#kept.push({ frame, bytes: record.length + RECORD_HEADER_BYTES + 1 });
  }

  committed(seq: number): void {
    if (seq <= this.#committed) return;
    for (const { frame, bytes } of this.#kept) {
      if (frame.seq > seq) break;
      if (frame.seq > this.#committed) this.#committedBytes += bytes;
    }
    this.#committed = seq;
    this.#write(RecordType.committed, Buffer.from(String(seq)));
    if (this.#committedBytes > (this.#options.graceBytes ?? GRACE_BYTES) + COMPACT_SLACK_BYTES) this.#compact();
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    fdatasyncSync(this.#fd);
    closeSync(this.#fd);
    this.#release();
    return Promise.resolve();
  }

  #beginAnew(): void {
    this.#instance = randomUUID();
    this.#attempt = 0;
    this.#write(RecordType.instance, Buffer.from(this.#instance));
    this.#write(RecordType.attempt, Buffer.from('0'));
  }

  /** Reads the file, and cuts off a damaged end. */
  #load(): void {
    const bytes = readFileSync(this.#options.path);
    let pos = 0;
    while (pos + RECORD_HEADER_BYTES < bytes.length) {
      const length = bytes.readUInt32LE(pos);
      const end = pos + RECORD_HEADER_BYTES + length;
      if (length === 0 || end > bytes.length) break;
      const body = bytes.subarray(pos + RECORD_HEADER_BYTES, end);
      if (crc32c(body) !== bytes.readUInt32LE(pos + 4)) break;
      this.#apply(body[0] ?? 0, Buffer.from(body.subarray(1)));
      pos = end;
    }
    if (pos < bytes.length) ftruncateSync(this.#fd, pos);
    this.#size = pos;
  }

  #apply(type: number, payload: Buffer): void {
    if (type === RecordType.instance) this.#instance = payload.toString();
    else if (type === RecordType.attempt) this.#attempt = Number(payload.toString());
    else if (type === RecordType.committed) this.#committed = Math.max(this.#committed, Number(payload.toString()));
    else if (type === RecordType.frame) {
      const frame = decodeFrameRecord(payload);
      this.#kept.push({ frame, bytes: payload.length + RECORD_HEADER_BYTES + 1 });
    }
  }

  #write(type: number, payload: Buffer): void {
    const record = toRecord(type, payload);
    writeSync(this.#fd, record);
    this.#size += record.length;
    if (this.#options.fsync === 'always') fdatasyncSync(this.#fd);
    else this.#isDirty = true;
  }

  /** In the background: appending goes on meanwhile. */
  #sync(): void {
    if (!this.#isDirty || this.#isSyncing) return;
    this.#isDirty = false;
    this.#isSyncing = true;
    fdatasync(this.#fd, (error) => {
      this.#isSyncing = false;
      if (error !== null) this.#isDirty = true;
    });
  }

  /** Compaction: writes the records still needed into a new file and renames it over the old one. */
  #compact(): void {
    const graceBytes = this.#options.graceBytes ?? GRACE_BYTES;
    let drop = 0;
    for (; drop < this.#kept.length && this.#committedBytes > graceBytes; drop++)
      this.#committedBytes -= this.#kept[drop]?.bytes ?? 0;
    this.#kept = this.#kept.slice(drop);
    const path = `${this.#options.path}.new`;
    const fd = openSync(path, 'w', 0o600);
    const records = [
      toRecord(RecordType.instance, Buffer.from(this.#instance)),
      toRecord(RecordType.attempt, Buffer.from(String(this.#attempt))),
      toRecord(RecordType.committed, Buffer.from(String(this.#committed))),
      ...this.#kept.map(({ frame }) => toRecord(RecordType.frame, encodeFrameRecord(frame))),
    ];
    let size = 0;
    for (const record of records) size += writeSync(fd, record);
    fdatasyncSync(fd);
    closeSync(fd);
    renameSync(path, this.#options.path);
    syncFolder(dirname(this.#options.path));
    closeSync(this.#fd);
    this.#fd = openSync(this.#options.path, 'a+', 0o600);
    this.#size = size;
  }
}

function toRecord(type: number, payload: Buffer): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + 1 + payload.length);
  record.writeUInt32LE(1 + payload.length, 0);
  record[RECORD_HEADER_BYTES] = type;
  payload.copy(record, RECORD_HEADER_BYTES + 1);
  record.writeUInt32LE(crc32c(record.subarray(RECORD_HEADER_BYTES)), 4);
  return record;
}

/** Syncs the folder: the rename itself must survive, too. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
