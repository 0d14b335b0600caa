export type Message = Readonly<Record<string, unknown>>;

/** One step of a dialogue; `on` names the connection, `a` where nothing is said. `$` in a text is the case's own name. */
export type Step =
  | { readonly say: Message; readonly on?: 'a' | 'b' }
  /** The next message that has these members; others before it are passed over. */
  | { readonly hear: Message; readonly on?: 'a' | 'b' }
  /** The connection ends with this code. */
  | { readonly close: number; readonly on?: 'a' | 'b' }
  /** Nothing more is said and the connection stands. */
  | { readonly quiet: true; readonly on?: 'a' | 'b' };

/** What a feed may get wrong though each of its messages is well-formed. */
export interface ProtocolCase {
  readonly id: string;
  readonly name: string;
  /** Whose token comes with the upgrade; undefined: none does. */
  readonly token: 'feed' | 'narrow' | undefined;
  readonly steps: readonly Step[];
}

export const TICK: readonly unknown[] = ['TEST', 1, 1, 1_700_000_000_000_000];
export const open = (more: Message = {}): Message => ({ action: 'open', feed: '$', ...more });
export const frame = (seq: number, prev: number): Message => ({ action: 'publish', seq, prev, ticks: [TICK] });
export const opened = (accepted: number): Step => ({ hear: { T: 'opened', accepted } });
export const error = (code: number): Step => ({ hear: { T: 'error', code } });
export const onB = (...steps: readonly Step[]): Step[] => steps.map((step) => ({ ...step, on: 'b' }));
export const start: readonly Step[] = [{ say: open({ instance: 'one' }) }, opened(0)];
export const firstFrame: readonly Step[] = [{ say: frame(1, 0) }, { hear: { T: 'ack', seq: 1 } }];
