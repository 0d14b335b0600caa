/** Milliseconds of processor time this process has used: unlike a clock it does not count what others took. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
