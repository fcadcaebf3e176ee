import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor, fromCallback, fromPromise } from 'xstate';
import { AgentError } from '../../src/errors.ts';
import { backoffMs, type ConnectionEvent, connectionMachine } from '../../src/machines/connection.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { hang } from './hang.ts';

const input = {
  name: 'room',
  ownerId: 'sess_1',
  connectTimeoutMs: 10_000,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  maxAttempts: 3,
  stableMs: 10_000,
  jitterSeed: 7,
};
const refused = () => Promise.reject(new AgentError('ERR_TRANSPORT', 'refused'));
const forbidden = () => Promise.reject(new AgentError('ERR_TRANSPORT', 'forbidden', { retryable: false }));
const lost = (retryable = true): ConnectionEvent => ({
  type: 'transport.lost',
  code: 'ERR_TRANSPORT',
  message: 'gone',
  retryable,
});

function connect(open: (attempt: number) => Promise<void>, options: Partial<typeof input> = {}) {
  const clock = new VirtualClock();
  const held = { started: 0, released: 0 };
  const signals: AbortSignal[] = [];
  const openedAtMs: number[] = [];
  const logic = connectionMachine.provide({
    actors: {
      openConnection: fromPromise<void, { name: string; ownerId: string }>(({ signal }) => {
        signals.push(signal);
        openedAtMs.push(clock.now());
        return open(signals.length);
      }),
      holdConnection: fromCallback<ConnectionEvent, { name: string; ownerId: string }>(() => {
        held.started += 1;
        return () => {
          held.released += 1;
        };
      }),
    },
  });
  const actor = createActor(logic, { clock, input: { ...input, ...options } });
  actor.subscribe({ error: () => {} });
  actor.start();
  actor.send({ type: 'transport.connect' });
  return { clock, actor, held, signals, openedAtMs };
}

describe('connection', () => {
  test('it rests until it is asked to connect', () => {
    const clock = new VirtualClock();
    const actor = createActor(connectionMachine, { clock, input }).start();
    expect(actor.getSnapshot().value).toBe('disconnected');
    expect(clock.pendingTimers).toBe(0);
    actor.stop();
  });

  test('an open connection is held, and released when it is closed', async () => {
    const { clock, actor, held } = connect(() => Promise.resolve());
    await clock.settle();
    expect(actor.getSnapshot().hasTag('up')).toBe(true);
    actor.send({ type: 'transport.close' });
    expect(actor.getSnapshot().output).toEqual({ reason: 'asked', failure: null });
    expect(held).toEqual({ started: 1, released: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('a lost connection is released and opened again after the backoff', async () => {
    const { clock, actor, held, openedAtMs } = connect(() => Promise.resolve());
    await clock.settle();
    actor.send(lost());
    expect(actor.getSnapshot().value).toBe('reconnecting');
    expect(held.released).toBe(1);
    const pauseMs = backoffMs({ ...input, attempt: 0 });
    await clock.advance(pauseMs);
    expect(actor.getSnapshot().value).toBe('connected');
    expect(openedAtMs).toEqual([0, pauseMs]);
    actor.stop();
  });

  test('a second report of the same loss is ignored', async () => {
    const { clock, actor, openedAtMs } = connect(() => Promise.resolve());
    await clock.settle();
    actor.send(lost());
    actor.send(lost());
    await clock.advance(500);
    expect(openedAtMs).toHaveLength(2);
    actor.stop();
  });

  test('it gives up when the attempts are used up', async () => {
    const { clock, actor, openedAtMs } = connect(refused);
    await clock.advance(60_000);
    expect(openedAtMs).toHaveLength(1 + input.maxAttempts);
    expect(actor.getSnapshot().output).toEqual({
      reason: 'gaveUp',
      failure: { code: 'ERR_TRANSPORT', message: 'refused' },
    });
  });

  test('an attempt that hangs is given up after its deadline and its signal is aborted', async () => {
    const { clock, actor, signals } = connect(hang, { maxAttempts: 0 });
    await clock.advance(9_999);
    expect(actor.getSnapshot().value).toBe('connecting');
    await clock.advance(1);
    expect(actor.getSnapshot().output).toMatchObject({ reason: 'gaveUp', failure: { code: 'ERR_TIMEOUT' } });
    expect(signals[0]?.aborted).toBe(true);
  });

  test('a failure that cannot go away is not tried again', async () => {
    const opening = connect(forbidden);
    await opening.clock.settle();
    expect(opening.actor.getSnapshot().output?.reason).toBe('gaveUp');
    const open = connect(() => Promise.resolve());
    await open.clock.settle();
    open.actor.send(lost(false));
    expect(open.actor.getSnapshot().output?.reason).toBe('gaveUp');
  });

  test('a connection that opens and drops at once uses up its attempts', async () => {
    const { clock, actor } = connect(() => Promise.resolve());
    for (let i = 0; i <= input.maxAttempts; i++) {
      await clock.settle();
      actor.send(lost());
      await clock.advance(actor.getSnapshot().status === 'active' ? 5_000 : 0);
    }
    expect(actor.getSnapshot().output?.reason).toBe('gaveUp');
  });

  test('a connection that lasted starts its attempts from zero', async () => {
    const { clock, actor } = connect(() => Promise.resolve());
    for (let i = 0; i < 10; i++) {
      await clock.advance(input.stableMs + 5_000);
      expect(actor.getSnapshot().value).toBe('connected');
      actor.send(lost());
    }
    expect(actor.getSnapshot().value).toBe('reconnecting');
    actor.stop();
  });

  test('a holder that crashes is a loss', async () => {
    const clock = new VirtualClock();
    const logic = connectionMachine.provide({
      actors: {
        openConnection: fromPromise<void, { name: string; ownerId: string }>(() => Promise.resolve()),
        holdConnection: fromCallback<ConnectionEvent, { name: string; ownerId: string }>(() => {
          throw new Error('socket is gone');
        }),
      },
    });
    const actor = createActor(logic, { clock, input }).start();
    actor.send({ type: 'transport.connect' });
    await clock.settle();
    expect(actor.getSnapshot().value).toBe('reconnecting');
    expect(actor.getSnapshot().context.failure?.message).toBe('socket is gone');
    actor.stop();
  });

  for (const state of ['disconnected', 'connecting', 'connected', 'reconnecting']) {
    test(`a close in ${state} ends it as asked`, async () => {
      const { clock, actor } = connect(state === 'connecting' ? hang : () => Promise.resolve());
      if (state !== 'connecting') await clock.settle();
      if (state === 'reconnecting') actor.send(lost());
      const fresh = state === 'disconnected' ? createActor(connectionMachine, { clock, input }).start() : actor;
      expect(fresh.getSnapshot().value).toBe(state);
      fresh.send({ type: 'transport.close' });
      expect(fresh.getSnapshot().output).toEqual({ reason: 'asked', failure: null });
      actor.stop();
    });
  }

  test('the backoff is full jitter under a doubling ceiling', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat({ max: 2_000 }), (jitterSeed, attempt) => {
        const pauseMs = backoffMs({ baseDelayMs: 500, maxDelayMs: 30_000, jitterSeed, attempt });
        expect(pauseMs).toBeGreaterThanOrEqual(0);
        expect(pauseMs).toBeLessThan(Math.min(30_000, 500 * 2 ** attempt));
      }),
    );
    const pauses = Array.from({ length: 1_000 }, (_, seed) =>
      backoffMs({ baseDelayMs: 1_000, maxDelayMs: 1_000, jitterSeed: seed, attempt: 0 }),
    );
    const mean = pauses.reduce((sum, ms) => sum + ms, 0) / pauses.length;
    expect(mean).toBeGreaterThan(450);
    expect(mean).toBeLessThan(550);
  });

  test('two owners do not try again in step', () => {
    const of = (jitterSeed: number) => [0, 1, 2, 3].map((attempt) => backoffMs({ ...input, jitterSeed, attempt }));
    expect(of(1)).not.toEqual(of(2));
    expect(of(1)).toEqual(of(1));
  });
});
