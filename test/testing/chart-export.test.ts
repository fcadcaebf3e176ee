import { describe, expect, test } from 'vitest';
import { createActor, createMachine, fromPromise, setup } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { toMermaid, toStudioJson } from '../../src/testing/chart-export.ts';

const call = setup({
  types: { events: {} as { type: 'tool.cancel' } | { type: 'agent.destroy' } },
  actors: { runTool: fromPromise(() => Promise.resolve('ok')) },
  delays: { timeout: 100 },
  guards: { canRetry: () => true },
  actions: { stopPlayout: () => {}, countTry: () => {} },
}).createMachine({
  id: 'call',
  initial: 'running',
  on: { 'agent.destroy': '.gone' },
  states: {
    running: {
      entry: 'countTry',
      invoke: { src: 'runTool', onDone: 'both', onError: [{ guard: 'canRetry', target: 'running', reenter: true }] },
      after: { timeout: 'gone' },
      on: { 'tool.cancel': { actions: 'stopPlayout' } },
    },
    both: {
      type: 'parallel',
      onDone: 'gone',
      states: {
        left: {
          initial: 'on',
          states: { on: { always: { guard: 'canRetry', target: 'off' } }, off: { type: 'final' } },
        },
        right: { initial: 'on', states: { on: { type: 'final' } } },
      },
    },
    gone: { type: 'final' },
  },
});

describe('toMermaid', () => {
  test('it draws nested and parallel states, deadlines, invocations, guards and rows that stay', () => {
    expect(toMermaid(call)).toBe(`stateDiagram-v2
  [*] --> call_running
  state "running" as call_running
  call_running --> call_running : error runTool [canRetry]
  call_running --> call_both : done runTool
  call_running --> call_gone : after timeout
  call_running : do runTool
  call_running : entry / countTry
  call_running : tool.cancel / stopPlayout
  state "both" as call_both
  state call_both {
    state "left" as call_both_left
    state call_both_left {
      [*] --> call_both_left_on
      state "on" as call_both_left_on
      call_both_left_on --> call_both_left_off : always [canRetry]
      state "off" as call_both_left_off
      call_both_left_off --> [*]
    }
    --
    state "right" as call_both_right
    state call_both_right {
      [*] --> call_both_right_on
      state "on" as call_both_right_on
      call_both_right_on --> [*]
    }
  }
  call_both --> call_gone : done
  state "gone" as call_gone
  call_gone --> [*]
  state "any" as call_any
  call_any --> call_gone : agent.destroy
`);
  });

  test('a row that starts a compound state again is drawn at its box, and a row that does nothing says so', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          initial: 'b',
          entry: 'stopPlayout',
          on: {
            'tool.cancel': { target: 'a', reenter: true },
            'tool.failed': { target: 'a', reenter: true },
            'agent.destroy': '.b',
          },
          states: { b: { on: { 'speech.started': {} } } },
        },
      },
    });
    expect(toMermaid(machine)).toBe(`stateDiagram-v2
  [*] --> m_a
  state "a" as m_a
  state m_a {
    [*] --> m_a_b
    state "b" as m_a_b
    m_a_b : speech.started / ignored
    state "any" as m_a_any
    m_a_any --> m_a_b : agent.destroy
    m_a_any : entry / stopPlayout
  }
  m_a --> m_a : tool.cancel, tool.failed
`);
  });

  test('a change of a row changes the drawing', () => {
    const of = (target: string) =>
      toMermaid(
        createMachine({ id: 'm', initial: 'a', states: { a: { on: { 'tool.cancel': target } }, b: {}, c: {} } }),
      );
    expect(of('b')).not.toBe(of('c'));
  });
});

describe('toStudioJson', () => {
  test('it is plain JSON with targets by id and every part by name', () => {
    const json = toStudioJson(call);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json).toMatchObject({
      id: 'call',
      initial: 'running',
      on: { 'agent.destroy': [{ target: ['#call.gone'] }] },
      states: {
        running: {
          entry: [{ type: 'countTry' }],
          invoke: [
            {
              src: 'runTool',
              onDone: [{ target: ['#call.both'] }],
              onError: [{ guard: 'canRetry', target: ['#call.running'], reenter: true }],
            },
          ],
          after: { timeout: [{ target: ['#call.gone'] }] },
          on: { 'tool.cancel': [{ actions: [{ type: 'stopPlayout' }] }] },
        },
        both: { type: 'parallel', onDone: [{ target: ['#call.gone'] }] },
      },
    });
  });

  test('a machine built from it takes the same paths', () => {
    // The JSON is a machine configuration by construction; its type is only JSON.
    const config = toStudioJson(call) as Parameters<typeof createMachine>[0];
    const copy = createMachine(config, call.implementations as never);
    const pathsOf = (machine: typeof copy) =>
      getShortestPaths(machine).map((path) => [
        JSON.stringify(path.state.value),
        path.steps.map((step) => step.event.type),
      ]);
    expect(pathsOf(copy)).toEqual(pathsOf(call as never));
    const actor = createActor(copy).start();
    actor.send({ type: 'agent.destroy' });
    expect(actor.getSnapshot().status).toBe('done');
  });
});
