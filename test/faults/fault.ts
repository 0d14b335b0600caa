import type { OwnStage } from './own-stage.ts';
import type { Stage } from './stage.ts';

/** What a fault hurts. Two that hurt the same thing are never under way at once. */
export type Hurt = 'feeds' | 'feed-link' | 'gateways' | 'coordinators' | 'redis' | 'postgres' | 'schema';

export interface FaultTimes {
  /** How long a fault that lasts is made to last. */
  readonly holdMs: number;
}

interface FaultWords {
  readonly name: string;
  readonly where: string;
  /** What is checked besides what is always checked. */
  readonly checked?: string;
  readonly hurts: readonly Hurt[];
  /** Not for the random schedule: it needs feeds or a stage of its own. */
  readonly onlyAlone?: boolean;
}

/**
 * One row of the table of faults. `inject` does the harm, undoes it, and looks at what is peculiar to it; that
 * everything sent comes out exactly once, in order and never told too early is checked after each of them.
 */
export type Fault =
  | (FaultWords & { readonly needs: 'services'; readonly inject: (stage: Stage, times: FaultTimes) => Promise<void> })
  | (FaultWords & {
      readonly needs: 'own stage';
      readonly inject: (stage: OwnStage, times: FaultTimes) => Promise<void>;
    });
