// Every call that is told to have begun is told to have ended, once, however it ended; and nothing of it is kept.
import { expect, test } from 'vitest';
import type { SessionEventMap } from '../../src/events.ts';
import type { Llm } from '../../src/index.ts';
import { findScope } from '../../src/runtime/session-scope.ts';
import { crash, startTestCall, type TestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

const INTERNAL = 'An internal error occurred';
const CANCELLED = 'The call was cancelled before it finished';

function ends(call: TestCall) {
  return call.log.flatMap(({ name, event }) => {
    const { callId, toolName } = event as SessionEventMap['tool_called']; // all three have these
    return name.startsWith('tool_') ? [`${name} ${callId} ${toolName}`] : [];
  });
}

const partOf = (call: TestCall, part: string) => call.runtime.registry.whereis(`${call.session.sessionId}/${part}`);

const rows: readonly {
  readonly how: string;
  readonly run: (call: TestCall) => unknown;
  readonly output: string;
  readonly error: string;
}[] = [
  { how: 'its actor crashed', run: (call) => crash(partOf(call, 'tool:call_1')), output: INTERNAL, error: INTERNAL },
  {
    how: 'the supervisor of calls crashed',
    run: (call) => crash(partOf(call, 'toolCalls')),
    output: INTERNAL,
    error: INTERNAL,
  },
  { how: 'the reply was interrupted', run: (call) => call.session.interrupt(), output: CANCELLED, error: 'cancelled' },
  { how: 'the session was closed', run: (call) => call.session.close(), output: CANCELLED, error: 'cancelled' },
  {
    how: 'the session gave up',
    run: async (call) => {
      for (let times = 0; times < 4; times++) {
        crash(partOf(call, 'session'));
        await call.clock.settle();
      }
    },
    output: INTERNAL,
    error: INTERNAL,
  },
];

test.each(rows)('a call ends with an event and an output when $how', async ({ run, output, error }) => {
  const look = tool({ name: 'look', description: 'Looks.', timeoutMs: 60_000, execute: () => new Promise(() => {}) });
  const call = await startTestCall({ agent: { tools: [look] }, answers: { Hello: { calls: [{ name: 'look' }] } } });
  const scope = findScope(call.session.sessionId);
  call.user.type('Hello');
  await call.until(1_000);
  expect(ends(call)).toEqual(['tool_called call_1 look']);
  await call.until(2_000);
  void run(call);
  await call.until(10_000);
  expect(ends(call)).toEqual(['tool_called call_1 look', 'tool_error call_1 look']);
  expect(call.log.find(({ name }) => name === 'tool_error')?.event).toMatchObject({ error, durationMs: 1_700 });
  expect(call.session.history.filter(({ type }) => type === 'toolOutput')).toMatchObject([{ output, isError: true }]);
  expect([scope?.prepared.size, scope?.callStartedAtMs.size]).toEqual([0, 0]);
  await call.end();
});

test('a call that the model wrote and nobody began has an output, too, when the session gives up', async () => {
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'sunny' });
  const llm: Llm = {
    label: 'stops in mid-answer',
    async *chat() {
      yield { type: 'toolCall', callId: 'call_1', name: 'look', arguments: '{}' };
      await new Promise(() => {});
    },
  };
  const call = await startTestCall({ agent: { tools: [look], llm } });
  call.user.type('Hello');
  await call.until(1_000);
  for (let times = 0; times < 4; times++) {
    crash(partOf(call, 'session'));
    await call.clock.settle();
  }
  const idsOf = (type: string) =>
    call.session.history.flatMap((item) => (item.type === type && 'callId' in item ? [item.callId] : []));
  expect(idsOf('toolOutput')).toEqual(idsOf('toolCall'));
  expect(call.session.history.at(-1)).toMatchObject({ type: 'toolOutput', output: CANCELLED });
  await call.end();
});
