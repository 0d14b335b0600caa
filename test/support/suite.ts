import './uvu-defer.ts';
import { pathToFileURL } from 'node:url';
import { exec, suite as uvuSuite } from 'uvu';
import { bounded, interrupt, toError } from './bounded.ts';
import { report } from './test-report.ts';

/** Generous: CI machines are shared, and a hung test is found all the same. */
const TEST_TIMEOUT_MS = 30_000;
const HOOK_TIMEOUT_MS = 60_000;
/** A process that still runs so long after its last test has left something open. */
const LEAK_GRACE_MS = 3_000;

export interface TestContext {
  /** Aborted when the test's time is up: hand it to what the test waits for. */
  readonly signal: AbortSignal;
  /** Ends the test as skipped; only for what cannot be known before it runs. */
  skip(reason: string): never;
}

export type TestBody = (context: TestContext) => void | Promise<void>;
export type Hook = () => void | Promise<void>;

export interface SuiteOptions {
  /** Longest time of one test, default 30 s. */
  readonly timeoutMs?: number;
  /** Longest time of one before or after hook, default 60 s. */
  readonly hookTimeoutMs?: number;
  /** A reason skips the whole suite by name, hooks included. */
  readonly skip?: string | undefined;
}

export interface HookRegister {
  (hook: Hook): void;
  each(hook: Hook): void;
}

/** Called like uvu's suite; runs by itself when its file has been evaluated. */
export interface Suite {
  (name: string, body: TestBody, options?: { readonly timeoutMs?: number }): void;
  skip(name: string, reason: string, body?: TestBody): void;
  readonly before: HookRegister;
  readonly after: HookRegister;
}

class SkipSignal extends Error {}

const starts: Array<() => void> = [];
let failures = 0;
let tests = 0;

function fail(suiteName: string, test: string): void {
  failures += 1;
  report({ type: 'fail', suite: suiteName, test });
}

/** A failure that belongs to no test: printed here, since uvu prints only those of tests. */
function failOutside(suiteName: string, test: string, error: Error): void {
  process.stderr.write(`${suiteName} ${test}: ${error.stack ?? error.message}\n`);
  fail(suiteName, test);
}

function hookRegister(each: Hook[], once: Hook[]): HookRegister {
  return Object.assign((hook: Hook): void => void once.push(hook), {
    each: (hook: Hook): void => void each.push(hook),
  });
}

/**
 * A suite of tests on uvu, without its traps: each test and hook has a time limit, a thrown non-Error and a stray
 * rejection fail the test, a failed `before` fails every test of the suite, and a file without a test fails.
 */
export function suite(name: string, options: SuiteOptions = {}): Suite {
  const inner = uvuSuite(name);
  const hooks = { before: [] as Hook[], after: [] as Hook[], beforeEach: [] as Hook[], afterEach: [] as Hook[] };
  const hookTimeoutMs = options.hookTimeoutMs ?? HOOK_TIMEOUT_MS;
  let beforeFailure: Error | undefined;

  const runHooks = async (what: string, list: readonly Hook[]): Promise<Error | undefined> => {
    let first: Error | undefined;
    for (const hook of list) {
      await bounded(`${what} hook`, hookTimeoutMs, hook).catch((thrown: unknown) => {
        first ??= toError(thrown);
      });
    }
    return first;
  };

  inner.before(async () => {
    const limitMs = hookTimeoutMs * hooks.before.length;
    if (limitMs > 0) report({ type: 'begin', suite: name, test: 'before hook', limitMs });
    beforeFailure = await runHooks('before', hooks.before);
  });
  inner.after(async () => {
    const limitMs = hookTimeoutMs * hooks.after.length;
    if (limitMs > 0) report({ type: 'begin', suite: name, test: 'after hook', limitMs });
    const failure = await runHooks('after', hooks.after);
    if (failure) failOutside(name, 'after hook', failure);
  });

  const runTest = async (test: string, body: TestBody, timeoutMs: number): Promise<void> => {
    const startMs = performance.now();
    const limitMs = timeoutMs + hookTimeoutMs * (hooks.beforeEach.length + hooks.afterEach.length);
    report({ type: 'begin', suite: name, test, limitMs });
    let failure: Error | undefined =
      beforeFailure && new Error(`the before hook failed: ${beforeFailure.message}`, { cause: beforeFailure });
    if (!failure) {
      failure = await runHooks('before each', hooks.beforeEach);
      if (!failure) {
        const skip = (reason: string): never => {
          throw new SkipSignal(reason);
        };
        await bounded('the test', timeoutMs, (signal) => body({ signal, skip })).catch((thrown: unknown) => {
          failure = toError(thrown);
        });
        // A rejection without a handler is told only after the microtasks of this turn.
        await bounded('the test', timeoutMs, () => new Promise((resolve) => setImmediate(resolve))).catch(
          (thrown: unknown) => {
            failure ??= toError(thrown);
          },
        );
      }
      const afterFailure = await runHooks('after each', hooks.afterEach);
      failure ??= afterFailure;
    }
    if (failure instanceof SkipSignal) {
      report({ type: 'skip', suite: name, test, reason: failure.message });
    } else if (failure) {
      fail(name, test);
      throw failure;
    } else {
      report({ type: 'pass', suite: name, test, durationMs: performance.now() - startMs });
    }
  };

  const skip = (test: string, reason: string): void => {
    tests += 1;
    inner.skip();
    starts.push(() => report({ type: 'skip', suite: name, test, reason }));
  };
  const register = (test: string, body: TestBody, testOptions: { readonly timeoutMs?: number } = {}): void => {
    if (options.skip !== undefined) return skip(test, options.skip);
    tests += 1;
    const timeoutMs = testOptions.timeoutMs ?? options.timeoutMs ?? TEST_TIMEOUT_MS;
    inner(test, () => runTest(test, body, timeoutMs));
  };
  const skipHooks = options.skip !== undefined;
  starts.push(() => {
    if (skipHooks) for (const list of Object.values(hooks)) list.length = 0;
    inner.run();
  });
  return Object.assign(register, {
    skip,
    before: hookRegister(hooks.beforeEach, hooks.before),
    after: hookRegister(hooks.afterEach, hooks.after),
  });
}

function onStray(thrown: unknown): void {
  const error = toError(thrown);
  if (!interrupt(error)) failOutside('outside', 'any test', error);
}

async function runAll(): Promise<void> {
  for (const start of starts) start();
  if (tests === 0) failOutside('file', 'without a test', new Error('no test was registered'));
  await exec();
  report({ type: 'end' });
  process.exitCode = failures > 0 ? 1 : 0;
  // Unreferenced: it fires only if something else still keeps the process alive.
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().filter((resource) => resource !== 'TTYWrap');
    failOutside('file', 'left open', new Error(`still alive ${LEAK_GRACE_MS} ms after its tests: ${open.join(', ')}`));
    process.exit(1);
  }, LEAK_GRACE_MS).unref();
}

process.on('uncaughtException', onStray);
process.on('unhandledRejection', onStray);

const file = process.argv[1];
if (file === undefined) throw new Error('suite.ts: no test file on the command line');
// The running file, imported once more, resolves when it has been evaluated to its end, top-level awaits included.
import(pathToFileURL(file).href).then(runAll).catch((thrown: unknown) => {
  // The entry point's own rejection is told as a stray one, before or after this: count it once.
  setImmediate(() => {
    if (failures === 0) failOutside('file', 'failed to load', toError(thrown));
    process.exit(1);
  });
});
