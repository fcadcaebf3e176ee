import { describe, expect, test } from 'vitest';
import { initialTransition, transition } from 'xstate';
import type { TurnEvent, TurnMode } from '../../src/events.ts';
import { phaseOf, type TurnInput, turnMachine } from '../../src/machines/turn.machine.ts';

const input: TurnInput = {
  sessionId: 'sess_1',
  n: 1,
  attempt: 1,
  mode: 'reply',
  settings: { firstTokenMs: 100, tokenGapMs: 100, firstAudioMs: 100, stallMs: 100, maxSteps: 2 },
  step: 1,
  openCalls: 0,
  toolBudgetMs: 0,
};

/** What a model step of `calls` tool calls comes to, as xstate tells it. */
const stepDone = (calls: number) =>
  // Private to xstate and so not in the union; there is no other way to end an invoked promise in a pure transition.
  ({ type: 'xstate.done.actor.0.turn.live.generation.answering', output: { calls, toolBudgetMs: 50 } }) as never;
const stepFailed = { type: 'xstate.error.actor.0.turn.live.generation.answering', error: new Error('x') } as never; // the same
const toolDown = (openCalls: number): TurnEvent => ({ type: 'child.down', child: 'tool', callId: 'c', openCalls });
const heard: readonly TurnEvent[] = [{ type: 'playout.buffering' }, { type: 'playout.started' }];
const played: readonly TurnEvent[] = [
  { type: 'playout.buffering' },
  { type: 'playout.started' },
  { type: 'playout.drained' },
];

function run(events: readonly TurnEvent[], given: Partial<TurnInput> = {}) {
  let [snapshot, actions] = initialTransition(turnMachine, { ...input, ...given });
  for (const event of events) [snapshot, actions] = transition(turnMachine, snapshot, event);
  const outcome = snapshot.status === 'done' ? snapshot.output?.outcome : phaseOf(snapshot);
  return { snapshot, outcome, actions: actions.map(({ type }) => type) };
}

const rows: readonly [rule: string, events: readonly TurnEvent[], expected: string, given?: Partial<TurnInput>][] = [
  ['a reply begins by thinking', [], 'thinking'],
  ['given text is not thought about', [], 'responding', { mode: 'say' satisfies TurnMode }],
  ['the first token is an answer', [{ type: 'reply.started' }], 'responding'],
  ['what is heard counts more than what is made', [{ type: 'reply.started' }, ...played.slice(0, 2)], 'speaking'],
  [
    'a held reply is no silence of its own making',
    [{ type: 'playout.buffering' }, { type: 'playout.held' }],
    'responding',
  ],
  ['a pause is told', [...played.slice(0, 2), { type: 'playout.paused' }], 'paused'],
  ['a pause ends', [...played.slice(0, 2), { type: 'playout.paused' }, { type: 'playout.resumed' }], 'speaking'],
  ['a step that only asks for tools is no answer yet', [{ type: 'reply.progressed' }], 'thinking'],
  ['text after a call is', [{ type: 'reply.progressed' }, { type: 'reply.started' }], 'responding'],
  ['calls are waited for', [stepDone(2)], 'toolExecution'],
  ['calls that are open from an earlier attempt are joined', [], 'toolExecution', { openCalls: 1 }],
  ['one answered call of two is not enough', [stepDone(2), toolDown(1)], 'toolExecution'],
  ['after the last call the model is asked again', [stepDone(1), toolDown(0)], 'thinking'],
  ['the next step waits until this one was heard', [...played.slice(0, 2), stepDone(1), toolDown(0)], 'speaking'],
  ['and then begins', [...played.slice(0, 2), stepDone(1), toolDown(0), { type: 'playout.drained' }], 'thinking'],
  ['what a tool says is heard before the next step', [stepDone(1), ...played.slice(0, 2), toolDown(0)], 'speaking'],
  [
    'and what it says behind that, too',
    [stepDone(1), ...played.slice(0, 2), ...played.slice(0, 2), toolDown(0)],
    'speaking',
  ],
  [
    'a segment that follows another waits for its own audio',
    [...played.slice(0, 2), ...played.slice(0, 1)],
    'responding',
  ],
  ['a voice that waits for the next text still speaks', [...heard, { type: 'playout.starved' }], 'speaking'],
  [
    'and is over when it has no more to say',
    [...heard, { type: 'playout.starved' }, stepDone(0), { type: 'playout.drained' }],
    'completed',
  ],
  ['an answer is complete when it was heard', [{ type: 'reply.started' }, ...played, stepDone(0)], 'completed'],
  [
    'in whichever order',
    [{ type: 'reply.started' }, ...played.slice(0, 2), stepDone(0), { type: 'playout.drained' }],
    'completed',
  ],
  ['a model with nothing to say', [stepDone(0)], 'empty'],
  ['a model that fails', [stepFailed], 'failed'],
  ['a cancelled turn', [{ type: 'turn.cancel' }], 'interrupted'],
  ['a cancelled turn with calls in flight', [stepDone(1), { type: 'turn.cancel' }], 'interrupted'],
];

describe('turn', () => {
  test.each(rows)('%s', (_rule, events, expected, given) => {
    const { outcome, snapshot, actions } = run(events, given);
    expect(outcome).toBe(expected);
    if (snapshot.status === 'done') expect(actions).toContain('recordOutcome');
  });

  test('text that reached the voice ends the wait for the first token without another word', () => {
    const { snapshot } = run([{ type: 'playout.buffering' }]);
    expect(snapshot.value).toEqual({
      live: { generation: { answering: 'generating' }, playout: { buffering: 'writing' } },
    });
    expect(run([{ type: 'playout.buffering' }, { type: 'reply.started' }]).snapshot.value).toEqual(snapshot.value);
  });

  test('the time of the voice begins when it has the whole text', () => {
    const playout = (events: readonly TurnEvent[]) => {
      const { value } = run(events).snapshot;
      return typeof value === 'object' ? (value.live as { playout: unknown }).playout : value;
    };
    const starved: readonly TurnEvent[] = [...heard, { type: 'playout.starved' }];
    expect(playout(heard.slice(0, 1))).toEqual({ buffering: 'writing' });
    expect(playout([...heard.slice(0, 1), stepDone(1)])).toEqual({ buffering: 'whole' });
    expect(playout(starved)).toEqual({ starved: 'writing' });
    expect(playout([...starved, stepDone(0)])).toEqual({ starved: 'whole' });
    expect(playout([...starved, { type: 'playout.resumed' }])).toBe('playing');
    expect(playout([...starved, { type: 'playout.paused' }, { type: 'playout.resumed' }])).toBe('playing');
  });

  test('each step that follows tools is counted', () => {
    expect(run([stepDone(1), toolDown(0)]).snapshot.context.step).toBe(2);
  });
});
