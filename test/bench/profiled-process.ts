import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { summarizeProfile } from './profile-summary.ts';

/** A profile of a process that has ended. */
export interface ProcessProfile {
  /** As V8 writes it. */
  readonly json: string;
  /** Time until the process was ready. */
  readonly startUpMs: number;
}

/** Where a process is to leave its profile, if it is to make one. */
export class ProfileFolder {
  readonly #folder: string | undefined;

  constructor(isProfiled: boolean) {
    this.#folder = isProfiled ? mkdtempSync(join(tmpdir(), 'tickgate-profile-')) : undefined;
  }

  get nodeFlags(): readonly string[] {
    return this.#folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.#folder}`];
  }

  /** The profile of the process's main thread, and the folder is gone. Module hooks run in a thread of their own. */
  take(startUpMs: number): ProcessProfile | undefined {
    if (this.#folder === undefined) return undefined;
    const folder = this.#folder;
    const main = readdirSync(folder).find((file) => /\.0\.\d+\.cpuprofile$/.test(file));
    const json = main === undefined ? undefined : readFileSync(join(folder, main), 'utf8');
    rmSync(folder, { recursive: true, force: true });
    return json === undefined ? undefined : { json, startUpMs };
  }
}

/** Lines for a person: functions by their own time, without the process's start. */
export function describeProfile({ json, startUpMs }: ProcessProfile): string[] {
  return summarizeProfile(json, { skipMs: startUpMs }).map(
    ({ where, selfShare }) => `${(selfShare * 100).toFixed(1).padStart(5)} %  ${where}`,
  );
}
