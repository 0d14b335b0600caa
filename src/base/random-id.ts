import { randomBytes } from 'node:crypto';

/**
 * A random name of URL-safe characters, from the cryptographic generator: connections, sessions, generations, secrets.
 * @param bytes of randomness; 12 (96 bits) are enough that two never meet
 */
export function randomId(bytes = 12): string {
  return randomBytes(bytes).toString('base64url');
}
