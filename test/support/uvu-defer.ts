/**
 * Imported before uvu: tells it, as its own command line does, not to run by itself, so that suite.ts can run it when
 * the whole test file has been evaluated.
 */
declare global {
  var UVU_DEFER: number | undefined;
  var UVU_QUEUE: unknown[][] | undefined;
}

globalThis.UVU_DEFER = 1;
globalThis.UVU_QUEUE ??= [[null]];

export {};
