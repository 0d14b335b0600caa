import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../clients/simulator/random.ts';
import type { FaultTimes, Hurt } from './fault.ts';

/** A fault with its stage bound, as the schedule sees it. */
export interface ScheduledFault {
  readonly name: string;
  readonly hurts: readonly Hurt[];
  readonly weight: number;
  /** So often it has to come, spread over the whole time. */
  readonly atLeast: number;
  readonly inject: (times: FaultTimes) => Promise<void>;
}

export interface ScheduleReport {
  readonly counts: ReadonlyMap<string, number>;
  /** Faults that did not come about, because another one stood in their way. */
  readonly notDone: readonly string[];
}

const LANES = 3;
/** Between bursts there are moments in which nothing is hurt: what was held up has to get through, too. */
const FAULTS_A_MINUTE = 18;
const MAX_PAUSE_MS = 1_500;
const BUSY_WAIT_MS = 100;

/**
 * Takes faults at random, several at once: those that hurt different things overlap. The seed gives the order in which
 * they are drawn; how they interleave is the machine's.
 */
export class ChaosSchedule {
  readonly #faults: readonly ScheduledFault[];
  readonly #random: Random;
  readonly #counts = new Map<string, number>();
  readonly #notDone: string[] = [];
  readonly #hurt = new Set<Hurt>();
  readonly #underWay = new Set<string>();
  #startMs = 0;
  #endMs = 0;

  constructor(faults: readonly ScheduledFault[], random: Random) {
    this.#faults = faults;
    this.#random = random;
  }

  get done(): number {
    let done = 0;
    for (const count of this.#counts.values()) done += count;
    return done;
  }

  /** Names of those under way. */
  get underWay(): readonly string[] {
    return [...this.#underWay];
  }

  async run(durationMs: number, onNotDone: (hurts: readonly Hurt[]) => Promise<void>): Promise<ScheduleReport> {
    this.#startMs = Date.now();
    this.#endMs = this.#startMs + durationMs;
    await Promise.all(Array.from({ length: LANES }, () => this.#lane(onNotDone)));
    return { counts: this.#counts, notDone: this.#notDone };
  }

  async #lane(onNotDone: (hurts: readonly Hurt[]) => Promise<void>): Promise<void> {
    while (Date.now() < this.#endMs) {
      const due = ((Date.now() - this.#startMs) / 60_000) * FAULTS_A_MINUTE;
      const fault = this.done + this.#underWay.size <= due ? this.#draw() : undefined;
      if (fault === undefined) {
        await sleep(BUSY_WAIT_MS);
        continue;
      }
      for (const hurt of fault.hurts) this.#hurt.add(hurt);
      this.#underWay.add(fault.name);
      try {
        await fault.inject({ holdMs: 300 + this.#random.fraction() * 1_700, random: this.#random });
        this.#counts.set(fault.name, (this.#counts.get(fault.name) ?? 0) + 1);
      } catch (error) {
        this.#notDone.push(`${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
        await onNotDone(fault.hurts);
      } finally {
        for (const hurt of fault.hurts) this.#hurt.delete(hurt);
        this.#underWay.delete(fault.name);
      }
      await sleep(this.#random.fraction() * MAX_PAUSE_MS);
    }
  }

  #draw(): ScheduledFault | undefined {
    const isFree = (fault: ScheduledFault): boolean =>
      !this.#underWay.has(fault.name) && fault.hurts.every((hurt) => !this.#hurt.has(hurt));
    const passed = (Date.now() - this.#startMs) / (this.#endMs - this.#startMs);
    const due = this.#faults.filter(
      (fault) => fault.atLeast > 0 && (this.#counts.get(fault.name) ?? 0) < passed * (fault.atLeast + 1) - 0.5,
    );
    // One that is due and not free is waited for by one lane, so that it is not passed over for ever.
    const free = due.some(isFree) ? due.filter(isFree) : this.#faults.filter(isFree);
    let at = this.#random.fraction() * free.reduce((sum, fault) => sum + fault.weight, 0);
    return free.find((fault) => (at -= fault.weight) < 0);
  }
}
