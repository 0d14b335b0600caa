/** An entry that could not be stored: to be trimmed once its feed has another generation. */
export interface StaleEntry {
  readonly id: string;
  readonly feed: string;
  readonly generation: string;
}
