import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, SYSTEM_CLOCK } from '../../base/clock.ts';

/** Polling interval: finds changes that the operating system does not announce, such as on network file systems. */
const POLL_MS = 250;

/**
 * Watches a file, in its directory too: it may be overwritten, replaced by rename, or be a link that is turned.
 * `onLook` is called with each poll and each event. A change is announced twice, since a write within the clock
 * tick of the first reading leaves the same times behind.
 */
export class FileWatch implements Disposable {
  readonly #path: string;
  readonly #onLook: (hasChanged: boolean) => void;
  readonly #stopPolling: () => void;
  readonly #directory: FSWatcher | undefined;
  #signature = '';
  #isRepeating = false;
  #isLooking = false;
  #mustLookAgain = false;
  #isStopped = false;

  constructor(path: string, onLook: (hasChanged: boolean) => void, clock: Clock = SYSTEM_CLOCK) {
    this.#path = path;
    this.#onLook = onLook;
    this.#directory = watchDirectory(path, () => void this.look());
    this.#stopPolling = clock.every(POLL_MS, () => void this.look());
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#stopPolling();
    this.#directory?.close();
  }

  /** Compares the file's identity, size and times with the last ones. */
  async look(): Promise<void> {
    if (this.#isLooking) return void (this.#mustLookAgain = true);
    this.#isLooking = true;
    do {
      this.#mustLookAgain = false;
      const signature = await signatureOf(this.#path);
      if (this.#isStopped) return;
      const isNew = signature !== this.#signature;
      this.#signature = signature;
      const hasChanged = isNew || this.#isRepeating;
      this.#isRepeating = isNew;
      this.#onLook(hasChanged);
    } while (this.#mustLookAgain);
    this.#isLooking = false;
  }
}

async function signatureOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mode, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}

/** Undefined where the system has no watcher left: polling goes on without it. */
function watchDirectory(path: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
