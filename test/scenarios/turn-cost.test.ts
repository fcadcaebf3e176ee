// What a turn costs, counted: noise of the machine cannot hide a step too many.
import { expect, test } from 'vitest';
import type { InspectionEvent } from 'xstate';
import { startTestCall, type TestCallOptions } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

/** Machine or supervisor of an actor; `promise` and `stream` have none. */
function chartOf(ref: unknown): string {
  const { config } = (ref as { logic: { config?: unknown } }).logic; // as inspectors look it up
  return typeof config === 'object' && config !== null && 'id' in config ? String(config.id) : 'work';
}

/** Actors, handled events and transitions by chart, from the first sample of the user's voice to the end of the turn. */
async function costOf(options: TestCallOptions) {
  const actors: Record<string, number> = {};
  const events: Record<string, number> = {};
  const transitions: Record<string, number> = {};
  const tables: Partial<Record<InspectionEvent['type'], Record<string, number>>> = {
    '@xstate.actor': actors,
    '@xstate.snapshot': events,
    '@xstate.microstep': transitions,
  };
  let isCounting = false;
  const call = await startTestCall({
    ...options,
    runtime: {
      inspect: ({ type, actorRef }) => {
        const table = tables[type];
        const chart = chartOf(actorRef);
        if (isCounting && table !== undefined) table[chart] = (table[chart] ?? 0) + 1;
      },
    },
  });
  // The first turn makes what later ones share; after 10 s the connection counts as stable.
  call.user.speak('hi', { durationMs: 800 });
  await call.until(12_000);
  isCounting = true;
  call.user.speak('hi', { durationMs: 800 });
  await call.until(20_000);
  isCounting = false;
  expect(call.log.filter(({ name }) => name === 'turn_completed')).toHaveLength(2);
  await call.end();
  return { actors, events, transitions };
}

type Cost = Awaited<ReturnType<typeof costOf>>;

/** What is more than allowed; a chart without a limit may do nothing. */
function excess(cost: Cost, limits: Cost): string[] {
  return (['actors', 'events', 'transitions'] as const).flatMap((kind) =>
    Object.entries(cost[kind])
      .filter(([chart, count]) => count > (limits[kind][chart] ?? 0))
      .map(([chart, count]) => `${kind} of ${chart}: ${count} instead of ${limits[kind][chart] ?? 0}`),
  );
}

test('a spoken turn', async () => {
  const cost = await costOf({ answers: { hi: { text: 'Certainly.' } } });
  const limits = {
    actors: { turn: 1, work: 1 },
    events: { session: 10, pipeline: 3, turn: 5, turns: 2, work: 2 },
    transitions: { session: 13, pipeline: 3, turn: 7 },
  };
  expect(excess(cost, limits)).toEqual([]);
});

test('a turn with a tool call', async () => {
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'seen' });
  const answers = { hi: { calls: [{ name: 'look' }] }, seen: { text: 'Seen.' } };
  const cost = await costOf({ agent: { tools: [look] }, answers });
  const limits = {
    actors: { turn: 1, toolCall: 1, work: 4 },
    events: { session: 13, pipeline: 3, turn: 8, turns: 2, toolCall: 3, toolCalls: 2, work: 8 },
    transitions: { session: 16, pipeline: 3, turn: 11, toolCall: 2 },
  };
  expect(excess(cost, limits)).toEqual([]);
});
