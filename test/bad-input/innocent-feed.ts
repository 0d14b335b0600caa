import * as assert from 'uvu/assert';
import { FeedClient } from '../../clients/feed/feed-client.ts';
import type { FeedConnectionState } from '../../clients/feed/feed-link.ts';
import { type GatewayUnderTest, tokenOf } from './gateway-under-test.ts';

const SYMBOL = 'INNOCENT';
const TICKS_A_FRAME = 10;

/** A feed that goes on publishing while strangers do what they do, and must not notice. */
export class InnocentFeed {
  readonly #subject: GatewayUnderTest;
  readonly #client: FeedClient;
  readonly #states: FeedConnectionState[] = [];
  #ticks = 0;

  constructor(subject: GatewayUnderTest) {
    this.#subject = subject;
    this.#client = new FeedClient({
      url: subject.gateway.url,
      feed: 'innocent',
      token: tokenOf('feed'),
      onState: (state) => this.#states.push(state),
    });
  }

  /** Publishes one more frame. */
  async publish(): Promise<void> {
    const timeMicros = Date.now() * 1_000;
    await this.#client.publishFrame(
      Array.from({ length: TICKS_A_FRAME }, () => ({ symbol: SYMBOL, price: 100, volume: 1, timeMicros })),
    );
    this.#ticks += TICKS_A_FRAME;
  }

  /** Everything it published is committed, is in the table once, and its connection was never lost. */
  async assertUnharmed(): Promise<void> {
    await this.publish();
    await this.#client.drained();
    assert.is(await this.#subject.countTicks(SYMBOL), this.#ticks);
    assert.equal(this.#states, ['connecting', 'opening', 'open']);
  }

  async close(): Promise<void> {
    await this.#client.close({ wait: false });
  }
}
