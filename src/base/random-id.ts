import { randomBytes } from 'node:crypto';

/**
 * A random name of URL-safe characters: connections, sessions, generations, stream ids.
 * @param bytes of randomness; 12 (96 bits) are enough that two never meet
 */
export function randomId(bytes = 12): string {
  return randomBytes(bytes).toString('base64url');
}
