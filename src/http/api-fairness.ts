import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessTokens } from './access-tokens.ts';
import type { ApiLimits } from './api-ports.ts';
import { addressKey, clientAddress } from './client-address.ts';
import { ReadQueue } from './read-queue.ts';
import { UnreadAnswers } from './unread-answers.ts';

/** As many as the API has connections to the database. */
const MAX_READS = 4;
/** With the time of one read itself an answer comes within 6 s. */
const MAX_WAIT_MS = 3_000;

/** Reads of the API in a fair order between tokens; without tokens, between addresses. */
export class FairReads {
  readonly #tokens: Pick<AccessTokens, 'isOpen'>;
  readonly #queue: ReadQueue;
  readonly #trustProxy: boolean;

  constructor(tokens: Pick<AccessTokens, 'isOpen'>, limits: ApiLimits) {
    this.#tokens = tokens;
    this.#trustProxy = limits.trustProxy;
    this.#queue = new ReadQueue({
      maxReads: MAX_READS,
      maxReadsPerOwner: limits.apiReadsPerToken,
      maxWaiting: limits.apiWaiting,
      maxWaitingPerOwner: limits.apiWaitingPerToken,
      maxWaitMs: MAX_WAIT_MS,
    });
  }

  /** @throws {ApiRefusal} 429 or 503 when too many are waiting */
  run<Answer>(request: FastifyRequest, read: () => Promise<Answer>): Promise<Answer> {
    const { isOpen } = this.#tokens;
    const owner = isOpen ? addressKey(clientAddress(request.raw, this.#trustProxy)) : (request.principal?.name ?? '');
    return this.#queue.run(owner, () => request.raw.socket.destroyed, read);
  }
}

/** Bounds the bytes of answers that clients have not read. Before compression: it keeps the whole text meanwhile. */
export function boundUnreadAnswers(api: FastifyInstance, maxBytes: number): void {
  const unread = new UnreadAnswers(maxBytes);
  api.addHook('onSend', async (request, reply, payload) => {
    if (typeof payload === 'string') unread.add(request.raw.socket, reply.raw, Buffer.byteLength(payload));
    return payload;
  });
}
