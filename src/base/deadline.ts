/**
 * Waits for `work`, at most `limitMs` milliseconds. The work itself goes on, and releases its own resources.
 * @returns its value, or undefined when the time was up first
 * @throws the work's error within the time; one that comes later is dropped
 * @example const rows = await withDeadline(lookup(), 500) ?? [];
 */
export async function withDeadline<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, limitMs));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
