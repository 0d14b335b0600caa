/** From so many on, the index of each is kept: looking through the list costs more then. */
const INDEX_FROM = 32;

/**
 * Groups that name one symbol: a plain array, since it is walked for every tick, in which adding and taking out cost
 * the same however many there are. The order changes when one is taken out.
 */
export class NamingGroups<Group> {
  readonly symbol: string;
  /** The same array for the life of this object. */
  readonly groups: Group[] = [];
  /** Whether the array is held elsewhere, so that this object must stay when it is empty. */
  isHeld = false;
  #indexes: Map<Group, number> | undefined;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  add(group: Group): void {
    const index = this.groups.push(group) - 1;
    if (this.#indexes !== undefined) this.#indexes.set(group, index);
    else if (index >= INDEX_FROM) this.#indexes = new Map(this.groups.map((each, at) => [each, at]));
  }

  /** Takes out one that is in it: the last one takes its index. */
  remove(group: Group): void {
    const index = this.#indexes === undefined ? this.groups.indexOf(group) : this.#indexes.get(group);
    const last = this.groups.at(-1);
    if (index === undefined || index < 0 || last === undefined) return;
    this.groups[index] = last;
    this.groups.pop();
    this.#indexes?.set(last, index);
    this.#indexes?.delete(group);
    if (this.groups.length === 0) this.#indexes = undefined;
  }
}
