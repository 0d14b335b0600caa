import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { frameBytes, OPCODE } from './frame-bytes.ts';
import { bearer, GatewayUnderTest } from './gateway-under-test.ts';
import { InnocentFeed } from './innocent-feed.ts';
import type { ProtocolCase, Step } from './dialogue.ts';
import { OPENING_CASES } from './opening-cases.ts';
import { SEQUENCE_CASES } from './sequence-cases.ts';
import { StrangerSocket } from './stranger-socket.ts';

const QUIET_MS = 150;

const test = suite('bad input: what messages mean', { timeoutMs: 30_000 });
let subject: GatewayUnderTest;
let innocent: InnocentFeed;
test.before(async () => {
  subject = await GatewayUnderTest.start();
  innocent = new InnocentFeed(subject);
});
test.after(async () => {
  await innocent.close();
  await subject[Symbol.asyncDispose]();
});

/** One connection of a dialogue, and how far its answers have been heard. */
class Speaker implements Disposable {
  readonly #stranger: StrangerSocket;
  #heard = 0;

  private constructor(stranger: StrangerSocket) {
    this.#stranger = stranger;
  }

  static async connect(token: ProtocolCase['token']): Promise<Speaker> {
    const auth = token === undefined ? {} : bearer(token);
    return new Speaker(
      await StrangerSocket.upgraded(subject.port, { ...auth, 'Sec-WebSocket-Protocol': 'tickgate.v1.json' }),
    );
  }

  say(message: string): void {
    this.#stranger.send(frameBytes({ opcode: OPCODE.text, payload: Buffer.from(message) }));
  }

  async hear(wanted: Readonly<Record<string, unknown>>): Promise<void> {
    const find = (): number =>
      this.#stranger.answers.messages.findIndex(
        (message, at) => at >= this.#heard && Object.entries(wanted).every(([key, value]) => message[key] === value),
      );
    const answers = await this.#stranger.until(({ isEnded }) => find() >= 0 || isEnded);
    const rest = answers.messages.slice(this.#heard);
    assert.ok(find() >= 0, `expected ${JSON.stringify(wanted)}, heard ${JSON.stringify(rest)}`);
    this.#heard = find() + 1;
  }

  async closes(code: number): Promise<void> {
    const { closeCode } = await this.#stranger.until((answers) => answers.closeCode !== undefined || answers.isEnded);
    assert.is(closeCode, code);
  }

  async isQuiet(): Promise<void> {
    await this.#stranger.until(({ isEnded }) => isEnded, QUIET_MS);
    const { messages, closeCode, isEnded } = this.#stranger.answers;
    const rest = messages.slice(this.#heard).filter((message) => message['T'] !== 'committed');
    assert.equal({ rest, closeCode, isEnded }, { rest: [], closeCode: undefined, isEnded: false });
  }

  [Symbol.dispose](): void {
    this.#stranger[Symbol.dispose]();
  }
}

async function take(step: Step, speaker: Speaker, name: string): Promise<void> {
  if ('say' in step) speaker.say(JSON.stringify(step.say).replaceAll('$', name));
  else if ('hear' in step) await speaker.hear(step.hear);
  else if ('close' in step) await speaker.closes(step.close);
  else await speaker.isQuiet();
}

for (const { id, name, token, steps } of [...OPENING_CASES, ...SEQUENCE_CASES]) {
  test(`${id} ${name}`, async () => {
    await innocent.publish();
    const feed = `s${randomBytes(6).toString('hex')}`;
    using a = await Speaker.connect(token);
    using b = await Speaker.connect(token);
    for (const step of steps) await take(step, step.on === 'b' ? b : a, feed);
  });
}

test('more opens at once than a client ever needs: 429 and 4029', async () => {
  using flood = await StrangerSocket.upgraded(subject.port, {
    ...bearer('feed'),
    'Sec-WebSocket-Protocol': 'tickgate.v1.json',
  });
  const one = frameBytes({
    opcode: OPCODE.text,
    payload: Buffer.from('{"action":"open","feed":"flood","instance":"i"}'),
  });
  flood.send(Buffer.concat(Array.from({ length: 1_000 }, () => one)));
  const { closeCode, messages } = await flood.until((answers) => answers.closeCode !== undefined);
  assert.is(closeCode, 4029);
  assert.ok(messages.some((message) => message['code'] === 429));
});

test('the innocent feed did not notice', async () => {
  await innocent.assertUnharmed();
});
