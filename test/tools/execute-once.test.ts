import { describe, expect, test } from 'vitest';
import { nextLoopTurn } from '../../src/clock.ts';
import { AgentError } from '../../src/errors.ts';
import {
  executeOnce,
  FALLBACK_MESSAGE,
  fallbackText,
  RunContext,
  type Tool,
  ToolError,
  tool,
} from '../../src/tools/index.ts';

function tryOnce(execute: (context: RunContext) => unknown) {
  const controller = new AbortController();
  const context = new RunContext({
    session: { sessionId: 'sess_1', userData: new Map(), log: () => {}, addMetric: () => {} },
    callId: 'call_1',
    toolName: 'get_weather',
    signal: controller.signal,
  });
  const weather = tool({ name: 'get_weather', description: 'Weather', execute: (_, ctx) => execute(ctx) });
  const run = () => executeOnce({ tool: weather as Tool, args: {} }, context);
  return { run, controller };
}

const secret = new Error('password=hunter2');
/** Thenables of other libraries, and of nobody. */
const twice = {
  // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is the subject
  then: (resolve: (text: string) => void, reject: (error: unknown) => void) => {
    resolve('first');
    resolve('second');
    reject(secret);
    throw secret;
  },
};
const trap = {
  // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is the subject
  get then() {
    throw secret;
  },
};

describe('executeOnce', () => {
  test('it resolves with the text for the model, for now or later', async () => {
    expect(await tryOnce(() => ({ temp: 20 })).run()).toBe('{"temp":20}');
    expect(await tryOnce(async () => 'sunny').run()).toBe('sunny');
    expect(await tryOnce(() => undefined).run()).toBe('ok');
  });

  const failures: readonly [what: string, execute: () => unknown][] = [
    [
      'a throw',
      () => {
        throw secret;
      },
    ],
    ['a rejection', () => Promise.reject(secret)],
    ['a thenable whose then throws', () => trap],
  ];
  for (const [what, execute] of failures) {
    test(`${what} is a failure that may be tried again, with the real error as its cause`, async () => {
      await expect(tryOnce(execute).run()).rejects.toMatchObject({
        code: 'ERR_TOOL_FAILED',
        retryable: true,
        cause: secret,
      });
    });
  }

  test('a throw of something that is no error is a failure too', async () => {
    for (const thrown of [undefined, null, 'text', 7, Object.create(null)]) {
      await expect(tryOnce(() => Promise.reject(thrown)).run()).rejects.toMatchObject({ code: 'ERR_TOOL_FAILED' });
    }
  });

  test('a ToolError comes out as it was thrown', async () => {
    const error = new ToolError('No such city');
    await expect(tryOnce(() => Promise.reject(error)).run()).rejects.toBe(error);
    expect(error).toMatchObject({ name: 'ToolError', message: 'No such city', retryable: false });
    expect(new ToolError('Busy', { retryable: true }).retryable).toBe(true);
  });

  test('a coded error from inside a tool never passes for a text for the model', async () => {
    const inner = new AgentError('ERR_TOOL_ARGUMENTS', 'password=hunter2');
    await expect(tryOnce(() => Promise.reject(inner)).run()).rejects.toMatchObject({ code: 'ERR_TOOL_FAILED' });
  });

  test('an answer that is no data is not tried again', async () => {
    await expect(tryOnce(() => () => {}).run()).rejects.toMatchObject({ code: 'ERR_TOOL_FAILED', retryable: false });
  });

  test('the first of two answers counts', async () => {
    expect(await tryOnce(() => twice).run()).toBe('first');
  });

  test('a tool that hangs and ignores its signal is left when the signal aborts', async () => {
    const { run, controller } = tryOnce(() => new Promise(() => {}));
    const end = run();
    controller.abort();
    await expect(end).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('what a tool does after it was given up reaches nobody', async () => {
    let answer: (text: string) => void = () => {};
    let fail: (error: unknown) => void = () => {};
    for (const late of [() => answer('late'), () => fail(secret)]) {
      const { run, controller } = tryOnce(
        () =>
          new Promise((resolve, reject) => {
            answer = resolve;
            fail = reject;
          }),
      );
      const end = run();
      controller.abort();
      await expect(end).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      late();
      // An unhandled rejection here would fail the run.
      await nextLoopTurn();
    }
  });

  test('a signal that was aborted before keeps the tool from starting', async () => {
    let started = false;
    const { run, controller } = tryOnce(() => {
      started = true;
    });
    controller.abort();
    await expect(run()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(started).toBe(false);
  });
});

describe('fallbackText', () => {
  const standard = tool({ name: 'a', description: 'A', execute: () => 1 });
  const own = tool({ name: 'b', description: 'B', execute: () => 1, fallbackMessage: 'The weather service is down.' });

  test('an unavailable or hanging tool gives its fallback message', () => {
    for (const reason of ['unavailable', 'timedOut'] as const) {
      expect(fallbackText(standard, reason)).toBe(FALLBACK_MESSAGE);
      expect(fallbackText(own, reason)).toBe('The weather service is down.');
      expect(fallbackText(undefined, reason)).toBe(FALLBACK_MESSAGE);
    }
  });

  test('a tool that threw gives only that an internal error occurred, unless its author wrote a fallback', () => {
    expect(fallbackText(standard, 'failed')).toBe('An internal error occurred');
    expect(fallbackText(undefined, 'failed')).toBe('An internal error occurred');
    expect(fallbackText(own, 'failed')).toBe('The weather service is down.');
  });
});
