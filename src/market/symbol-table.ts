const SLOTS = 1 << 12;
/** Words of a slot: the symbol's number plus one (0: the slot is free), its length, the last eight bytes of its name. */
const SLOT_WORDS = 4;
const WORD_BYTES = 8;

/**
 * Interns symbols: an open-addressing hash table that gives each distinct symbol a small number. It grows with the
 * symbols seen; start a new one to forget.
 *
 * Each tick costs one probe, and of thousands of symbols the next one is seldom in the processor's cache: a slot itself
 * holds enough to tell symbols of up to eight bytes apart.
 */
export class SymbolTable {
  readonly names: string[] = [];
  readonly #bytes: Buffer[] = [];
  #slots = new Int32Array(SLOTS * SLOT_WORDS);
  #inOrder: readonly number[] = [];

  /** The number of the symbol whose bytes are `bytes[start, end)`. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    let high = 0;
    let low = 0;
    let hash = length;
    for (let at = start; at < end; at++) {
      // The hash takes in the bytes that fall out of the two words.
      if (at - start >= WORD_BYTES) hash = Math.imul(hash, 31) + high;
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | (bytes[at] ?? 0);
    }
    hash = Math.imul(hash ^ low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca6b);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = Math.imul(hash ^ (hash >>> 15), SLOT_WORDS) & mask;
    for (;;) {
      const number = (slots[slot] ?? 0) - 1;
      if (number < 0) return this.#add(bytes, start, end, { slot, high, low });
      if (slots[slot + 1] === length && slots[slot + 2] === high && slots[slot + 3] === low)
        if (length <= WORD_BYTES || this.#equals(number, bytes, start)) return number;
      slot = (slot + SLOT_WORDS) & mask;
    }
  }

  bytesOf(number: number): Buffer {
    const bytes = this.#bytes[number];
    if (bytes === undefined) throw new RangeError('no such symbol');
    return bytes;
  }

  /** The numbers of all symbols, in the byte order of their names. */
  inOrder(): readonly number[] {
    if (this.#inOrder.length !== this.names.length) {
      const name = (number: number): string => this.names[number] ?? '';
      this.#inOrder = [...this.names.keys()].sort((a, b) => (name(a) < name(b) ? -1 : 1));
    }
    return this.#inOrder;
  }

  /** Whether the symbol's bytes stand at `start`; they are of the right number. */
  #equals(number: number, bytes: Uint8Array, start: number): boolean {
    const known = this.bytesOf(number);
    for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
    return true;
  }

  #add(
    bytes: Uint8Array,
    start: number,
    end: number,
    { slot, high, low }: { readonly slot: number; readonly high: number; readonly low: number },
  ): number {
    const own = Buffer.from(bytes.subarray(start, end));
    const number = this.#bytes.push(own) - 1;
    this.names.push(own.toString('latin1'));
    this.#slots.set([number + 1, own.length, high, low], slot);
    if (this.names.length * SLOT_WORDS * 2 > this.#slots.length) this.#grow();
    return number;
  }

  #grow(): void {
    const known = this.#bytes.splice(0);
    this.names.length = 0;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (const bytes of known) this.intern(bytes, 0, bytes.length);
  }
}
