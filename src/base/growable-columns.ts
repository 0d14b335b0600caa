/** A copy of a column with room for `capacity` values; the ones beyond those it had are 0. */
export function grown(column: Float64Array, capacity: number): Float64Array;
export function grown(column: Int32Array, capacity: number): Int32Array;
export function grown(column: Float64Array | Int32Array, capacity: number): Float64Array | Int32Array {
  const larger = column instanceof Int32Array ? new Int32Array(capacity) : new Float64Array(capacity);
  larger.set(column);
  return larger;
}
