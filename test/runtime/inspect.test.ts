import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect';
import { expect, test } from 'vitest';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import { createRuntime } from '../../src/index.ts';
import { startTestCall, type TestCall, type TestCallOptions } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

/** One turn with a tool call whose first try fails, said and heard. */
async function talk(
  runtime: TestCallOptions['runtime'],
  started: (call: TestCall) => void = () => {},
): Promise<TestCall> {
  let tries = 0;
  const weather = tool({
    name: 'get_weather',
    description: 'Weather.',
    execute: () => {
      if (++tries === 1) throw new Error('not yet');
      return 'sunny';
    },
  });
  const call = await startTestCall({
    agent: { tools: [weather] },
    answers: { 'how is it?': { calls: [{ name: 'get_weather' }] }, sunny: { text: 'It is sunny.' } },
    ...(runtime && { runtime }),
  });
  started(call);
  call.session.sendText('how is it?');
  await call.until(5_000);
  return call;
}

function said(call: TestCall): string[] {
  return call.session.history.flatMap((item) => (item.type === 'assistant' ? [item.text] : []));
}

/** The machine or supervisor behind an actor, as inspectors look it up. */
function chartOf(ref: unknown): { id?: string; states?: object } | undefined {
  return (ref as { logic: { config?: object } }).logic.config;
}

test('an observer sees every actor of the tree, named, under its parent', async () => {
  const paths = new Set<string>();
  const pathOf = (ref: AnyActorRef): string =>
    ref._parent === undefined ? ref.id : `${pathOf(ref._parent)}/${ref.id}`;
  const call = await talk({
    inspect: (event) => {
      if (event.type === '@xstate.actor') paths.add(pathOf(event.actorRef as AnyActorRef));
    },
  });
  const session = `runtime/sessions/session:${call.session.sessionId}`;
  for (const part of ['transport', 'input/vad', 'input/stt', 'output/tts', 'output/playout', 'conversation'])
    expect(paths).toContain(`${session}/${part}`);
  expect([...paths].filter((path) => /\/turns\/turn:1\.1\.reply$/.test(path))).toHaveLength(1);
  expect([...paths].filter((path) => /\/toolCalls\/tool:call_1$/.test(path))).toHaveLength(1);
  expect([...paths].filter((path) => /^runtime\/tools\/breaker:get_weather/.test(path))).toHaveLength(1);
  await call.end();
});

test('the charts of machines and supervisors can be drawn from what it sees', async () => {
  const charts = new Map<string, object | undefined>();
  const call = await talk({
    inspect: (event) => {
      if (event.type !== '@xstate.actor') return;
      const { id, states } = chartOf(event.actorRef) ?? {};
      if (id !== undefined) charts.set(id, states);
    },
  });
  for (const id of [
    'session',
    'turn',
    'toolCall',
    'pipeline',
    'connection',
    'circuitBreaker',
    'runtime',
    'input',
    'output',
  ])
    expect(Object.keys(charts.get(id) ?? {}), id).not.toEqual([]);
  await call.end();
});

test.each<[string, TestCallOptions['runtime'], ((call: TestCall) => void) | undefined]>([
  ['given to the runtime', { inspect: fail }, undefined],
  ['given as an object', { inspect: { next: fail } }, undefined],
  ['attached later, as a function', undefined, ({ runtime }) => runtime.actor.system.inspect(fail)],
  ['attached later, as an object', undefined, ({ runtime }) => runtime.actor.system.inspect({ next: fail })],
])('an observer that throws is reported and changes nothing: %s', async (_, runtime, started) => {
  const call = await talk(runtime, started);
  expect(said(call)).toEqual(['It is sunny.']);
  expect(call.problems.length).toBeGreaterThan(10);
  expect(new Set(call.problems.map(({ where }) => where))).toEqual(new Set(['inspect']));
  await call.end();
});

function fail(_: InspectionEvent): void {
  throw new Error('inspector');
}

test('something that is no observer is refused', () => {
  expect(() => createRuntime({ inspect: {} as never })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
});

test('the stock inspector gets the charts of session and turn, and their states as they change', async () => {
  const frames: StatelyInspectionEvent[] = [];
  const { inspect } = createInspector({ send: (frame) => frames.push(frame) });
  const call = await talk({ inspect });
  expect(said(call)).toEqual(['It is sunny.']);
  // The inspector converts each frame in a timer of its own; one more timer comes after all of them.
  await new Promise((resolve) => setTimeout(resolve));
  const actors = frames.filter((frame) => frame.type === '@xstate.actor');
  const chart = (name: string) => {
    const found = actors.find((frame) => frame.name === name);
    return { sessionId: found?.sessionId, definition: JSON.parse(found?.definition ?? '{}') as { states?: object } };
  };
  const [session, turn] = [chart('conversation'), chart('turn:1.1.reply')];
  expect(Object.keys(session.definition.states ?? {})).toEqual(
    expect.arrayContaining(['connecting', 'active', 'closed']),
  );
  expect(Object.keys(turn.definition.states ?? {})).toEqual(expect.arrayContaining(['live', 'completed']));
  const values = frames
    .filter((frame) => frame.type === '@xstate.snapshot' && frame.sessionId === session.sessionId)
    .map((frame) => JSON.stringify('snapshot' in frame && 'value' in frame.snapshot ? frame.snapshot.value : null));
  for (const state of ['idle', 'thinking', 'toolExecution', 'speaking'])
    expect(
      values.some((value) => value.includes(state)),
      state,
    ).toBe(true);
  await call.end();
});
