/** Resolves in the next turn of the event loop: sockets and timers get theirs in between. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
