/** Channels of the live endpoint that this client uses. */
export type ClientChannel = 'trades' | 'bars' | 'updatedBars' | 'flushes';
export type ChannelNames = Partial<Readonly<Record<ClientChannel, readonly string[]>>>;

const CHANNELS: readonly ClientChannel[] = ['trades', 'bars', 'updatedBars', 'flushes'];

/** Reference counts of channel names over one connection: a name goes with the last subscriber of it. Pure. */
export class WantedChannels {
  readonly #counts = new Map<ClientChannel, Map<string, number>>();

  /** @returns names wanted for the first time */
  add(names: ChannelNames): ChannelNames {
    return this.#change(names, (counts, name) => {
      const before = counts.get(name) ?? 0;
      counts.set(name, before + 1);
      return before === 0;
    });
  }

  /** @returns names that nobody wants any more */
  remove(names: ChannelNames): ChannelNames {
    return this.#change(names, (counts, name) => {
      const left = (counts.get(name) ?? 1) - 1;
      if (left > 0) counts.set(name, left);
      else counts.delete(name);
      return left === 0;
    });
  }

  /** Everything wanted now. */
  all(): ChannelNames {
    const all: Partial<Record<ClientChannel, readonly string[]>> = {};
    for (const [channel, counts] of this.#counts) if (counts.size > 0) all[channel] = [...counts.keys()];
    return all;
  }

  #change(names: ChannelNames, apply: (counts: Map<string, number>, name: string) => boolean): ChannelNames {
    const changed: Partial<Record<ClientChannel, readonly string[]>> = {};
    for (const channel of CHANNELS) {
      const list = names[channel];
      if (list === undefined) continue;
      const counts = this.#counts.get(channel) ?? new Map<string, number>();
      this.#counts.set(channel, counts);
      const some = list.filter((name) => apply(counts, name));
      if (some.length > 0) changed[channel] = some;
    }
    return changed;
  }
}

export function isNothing(names: ChannelNames): boolean {
  return Object.keys(names).length === 0;
}
