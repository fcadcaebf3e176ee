import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type StreamIo, streamLogic } from '../../src/actors/stream.ts';

type Event = { readonly type: 'broken' | 'told' };

function start(open: (io: StreamIo<Event>) => void) {
  let io: StreamIo<Event> | undefined;
  const errors: unknown[] = [];
  const logic = streamLogic<Event, undefined>(
    { type: 'broken' },
    (_input, error) => errors.push(error),
    (_input, given) => {
      io = given;
      open(given);
      return () => {};
    },
  );
  const actor = createActor(logic).start();
  if (io === undefined) throw new Error('the stream was not opened');
  return { actor, io, errors };
}

test('a signal that was asked for is aborted by the stop, and one that is asked for later is aborted already', () => {
  const early: AbortSignal[] = [];
  const { actor, io } = start(({ signal }) => early.push(signal));
  expect([io.isOver, early[0]?.aborted]).toEqual([false, false]);
  actor.stop();
  expect([io.isOver, early[0]?.aborted, io.signal === early[0]]).toEqual([true, true, true]);

  const late = start(() => {});
  late.actor.stop();
  expect(late.io.signal.aborted).toBe(true);
});

test('what is called after the stop does nothing', () => {
  const { actor, io, errors } = start(() => {});
  let calls = 0;
  const late = io.guard(() => {
    calls++;
    throw new Error('late');
  });
  actor.stop();
  late();
  io.fail(new Error('late'));
  expect({ calls, errors }).toEqual({ calls: 0, errors: [] });
});
