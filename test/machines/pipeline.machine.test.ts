import { describe, expect, test } from 'vitest';
import { createActor, fromCallback, initialTransition, transition } from 'xstate';
import type { PipelineEvent, PipelineKind } from '../../src/events.ts';
import { type PipelineInput, pipelineMachine } from '../../src/machines/pipeline.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const input: PipelineInput = {
  sessionId: 'sess_1',
  kind: 'stt',
  settings: { startMs: 1_000, progressMs: 200, patienceMs: 100, backoffMs: 50, maxBackoffMs: 300 },
};

const rows: readonly [rule: string, events: readonly PipelineEvent['type'][], expected: unknown][] = [
  ['a pipeline opens first', [], { open: 'starting' }],
  ['an open one waits for work', ['pipeline.opened'], { open: { running: 'waiting' } }],
  ['work makes it busy', ['pipeline.opened', 'pipeline.busied'], { open: { running: 'busy' } }],
  [
    'and its result lets it rest',
    ['pipeline.opened', 'pipeline.busied', 'pipeline.rested'],
    { open: { running: 'waiting' } },
  ],
  [
    'so does the end of it when it is taken back',
    ['pipeline.opened', 'pipeline.busied', 'pipeline.released'],
    { open: { running: 'waiting' } },
  ],
  ['a stream that breaks is opened anew', ['pipeline.opened', 'pipeline.failed'], 'resetting'],
  ['one that cannot be opened as well', ['pipeline.failed'], 'resetting'],
  ['it stops when it is told', ['pipeline.opened', 'pipeline.stop'], 'stopped'],
  ['also while it waits to open', ['pipeline.failed', 'pipeline.stop'], 'stopped'],
];

describe('pipeline', () => {
  test.each(rows)('%s', (_rule, types, expected) => {
    let [snapshot] = initialTransition(pipelineMachine, input);
    for (const type of types) [snapshot] = transition(pipelineMachine, snapshot, { type });
    expect(snapshot.value).toEqual(expected);
  });

  /** A pipeline whose stream says at once what `open` returns. */
  function start(open: (n: number) => readonly PipelineEvent['type'][]) {
    const clock = new VirtualClock();
    const openedAtMs: number[] = [];
    const health: boolean[] = [];
    const logic = pipelineMachine.provide({
      actors: {
        runPipeline: fromCallback<PipelineEvent, { sessionId: string; kind: PipelineKind }>(({ sendBack }) => {
          openedAtMs.push(clock.now());
          for (const type of open(openedAtMs.length)) sendBack({ type });
        }),
      },
      actions: { showHealth: (_, { isHealthy }) => health.push(isHealthy) },
    });
    return { clock, openedAtMs, health, actor: createActor(logic, { clock, input }).start() };
  }

  test('a stream that keeps breaking is opened anew ever more rarely, up to a bound', async () => {
    const { clock, openedAtMs, health } = start(() => ['pipeline.failed']);
    await clock.advance(1_200);
    expect(openedAtMs).toEqual([0, 50, 150, 350, 650, 950]);
    expect(new Set(health)).toEqual(new Set([false]));
  });

  test('work without progress is a stall, and then a reset', async () => {
    const { clock, openedAtMs, actor } = start(() => ['pipeline.opened', 'pipeline.busied']);
    await clock.advance(200);
    expect(actor.getSnapshot().value).toEqual({ open: 'stalled' });
    actor.send({ type: 'pipeline.progressed' });
    expect(actor.getSnapshot().value).toEqual({ open: { running: 'busy' } });
    await clock.advance(350);
    expect(openedAtMs).toEqual([0, 550]);
  });

  test('an open that does not come is given up', async () => {
    const { clock, openedAtMs } = start(() => []);
    await clock.advance(1_050);
    expect(openedAtMs).toEqual([0, 1_050]);
  });

  test('progress makes it healthy, and the next wait short again', async () => {
    const { clock, openedAtMs, health, actor } = start((n) => (n < 4 ? ['pipeline.failed'] : ['pipeline.opened']));
    await clock.advance(400);
    actor.send({ type: 'pipeline.busied' });
    actor.send({ type: 'pipeline.rested' });
    expect(health.at(-1)).toBe(true);
    actor.send({ type: 'pipeline.failed' });
    await clock.advance(50);
    expect(openedAtMs).toEqual([0, 50, 150, 350, 450]);
  });

  test('a stream that answers before it is told to be busy is healthy again', async () => {
    const { clock, health, actor } = start((n) => (n < 2 ? ['pipeline.failed'] : ['pipeline.opened']));
    await clock.advance(100);
    expect(health).toEqual([false]);
    actor.send({ type: 'pipeline.rested' });
    expect(health).toEqual([false, true]);
    expect(actor.getSnapshot().value).toEqual({ open: { running: 'waiting' } });
  });

  test('work that is taken back from a stalled stream ends the stall, and does not make it healthy', async () => {
    const { clock, openedAtMs, health, actor } = start(() => ['pipeline.opened', 'pipeline.busied']);
    await clock.advance(550);
    expect(actor.getSnapshot().value).toEqual({ open: 'stalled' });
    actor.send({ type: 'pipeline.released' });
    await clock.advance(5_000);
    expect(actor.getSnapshot().value).toEqual({ open: { running: 'waiting' } });
    expect(openedAtMs).toEqual([0, 350]);
    expect(health).toEqual([false]);
  });
});
