import type { Random } from '../../clients/simulator/random.ts';
import type { OwnStage } from './own-stage.ts';
import type { Stage } from './stage.ts';

/** What a fault hurts. Two that hurt the same thing are never under way at once. */
export type Hurt = 'feeds' | 'feed-link' | 'gateways' | 'coordinators' | 'redis' | 'postgres';

export interface FaultTimes {
  /** How long a fault that lasts is made to last. */
  readonly holdMs: number;
  readonly random: Random;
}

interface FaultWords {
  readonly name: string;
  readonly where: string;
  /** What is checked besides what is always checked. */
  readonly checked?: string;
  readonly hurts: readonly Hurt[];
  /** Not for the random schedule: what it checks needs everything else to be whole. */
  readonly onlyAlone?: boolean;
  /** How often the random schedule takes it, against 1 of the others. */
  readonly weight?: number;
}

/** One that an operator's own test stage can stand too: it takes hold of feeds, Redis and the database only. */
export interface ServiceFault extends FaultWords {
  readonly needs: 'services';
  readonly inject: (stage: Stage, times: FaultTimes) => Promise<void>;
}

/** One that takes hold of processes and links. */
export interface OwnFault extends FaultWords {
  readonly needs: 'own stage';
  readonly inject: (stage: OwnStage, times: FaultTimes) => Promise<void>;
}

/**
 * One row of the table of faults. `inject` does the harm, undoes it, and looks at what is peculiar to it; that
 * everything sent comes out exactly once, in order and never told too early is checked after each of them.
 */
export type Fault = ServiceFault | OwnFault;
