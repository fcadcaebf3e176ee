import { describe, expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { type RoomFinding, redispatchMachine } from '../../src/machines/redispatch.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { hang } from './hang.ts';

const fail = () => Promise.reject(new Error('no'));
type Step = 'ok' | 'fails' | 'hangs';

async function run(check: RoomFinding | 'fails' | 'hangs', create: Step = 'ok', clear: Step = 'ok') {
  const clock = new VirtualClock();
  const done: string[] = [];
  const step = <T>(name: string, how: string, value: T) =>
    fromPromise<T, { dispatchId: string }>(() => {
      done.push(name);
      if (how === 'fails') return fail();
      return how === 'hangs' ? hang() : Promise.resolve(value);
    });
  const logic = redispatchMachine.provide({
    actors: {
      checkRoom: step('check', check, check as RoomFinding), // read only when it is one
      createDispatch: step<void>('create', create, undefined),
      clearRoom: step<void>('clear', clear, undefined),
    },
  });
  const actor = createActor(logic, { clock, input: { dispatchId: 'AD_1', stepMs: 3_000 } }).start();
  await clock.advance(10_000);
  expect(clock.pendingTimers).toBe(0);
  return [done.join(' '), actor.getSnapshot().output?.outcome, actor.getSnapshot().output?.error];
}

describe('redispatch', () => {
  test.each([
    [
      'a room that waits gets a new dispatch, then the old one is cleared',
      ['orphaned'],
      ['check create clear', 'redispatched', null],
    ],
    ['a room that is served is left alone', ['served'], ['check', 'needless', null]],
    ['what was replaced by somebody else is cleared', ['replaced'], ['check clear', 'needless', null]],
    ['what dies again and again is cleared and left', ['hopeless'], ['check clear', 'givenUp', null]],
    ['nothing is created when the room cannot be checked', ['fails'], ['check', 'failed', 'no']],
    ['a check has a deadline', ['hangs'], ['check', 'failed', 'no answer in time']],
    ['the old dispatch stays when there is no new one', ['orphaned', 'fails'], ['check create', 'failed', 'no']],
    ['a creation has a deadline', ['orphaned', 'hangs'], ['check create', 'failed', 'no answer in time']],
    [
      'what cannot be cleared is left to a later look',
      ['orphaned', 'ok', 'fails'],
      ['check create clear', 'redispatched', 'no'],
    ],
    [
      'clearing has a deadline',
      ['orphaned', 'ok', 'hangs'],
      ['check create clear', 'redispatched', 'not tidied up in time'],
    ],
  ] as const)('%s', async (_, steps, expected) => {
    const [check, create, clear] = steps as readonly [RoomFinding, Step?, Step?]; // rows have one to three
    expect(await run(check, create, clear)).toEqual(expected);
  });
});
