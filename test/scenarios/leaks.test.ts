// What a session leaves behind when it is over: nothing. Heap is measured by a bench; here everything that can be counted.
import { expect, test } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import { crash, ScriptedLlm, startTestCall, type TestCall } from '../../src/testing/index.ts';
import { LoopbackUser } from '../../src/testing/loopback-user.ts';
import { tool } from '../../src/tools/index.ts';
import { actorsBelow } from './actors-below.ts';

const SESSIONS = 200;

function counts({ runtime, clock, session }: TestCall) {
  return {
    actors: actorsBelow(runtime.actor),
    names: runtime.registry.size,
    timers: clock.pendingTimers,
    sessions: runtime.sessions.length,
    sessionsOfTheAgent: session.agent.sessions.length,
  };
}

/** A session on the runtime of `call` that has one turn; `end` says how it is over. */
async function oneTurn(call: TestCall, end: (user: LoopbackUser) => Promise<void>): Promise<void> {
  const user = new LoopbackUser({ clock: call.clock, frameMs: 100, trailingSilenceMs: 700 });
  const { agent } = call.session;
  const session = call.runtime.createSession({ agent, transport: user.transport });
  await Promise.all([session.start(), call.clock.settle()]);
  session.sendText('Hello');
  user.speak('', { durationMs: 200 });
  await call.clock.advance(3_000);
  expect(session.history).toHaveLength(2);
  await end(user);
  await call.clock.advance(2_000);
  await session.whenStopped;
  expect(user.transport.isOpen).toBe(false);
}

test(`${SESSIONS} sessions of one turn each leave no actor, name, timer or session behind`, async () => {
  const call = await startTestCall({ answers: { Hello: { text: 'Hi.' } } });
  call.user.type('Hello');
  await call.until(30_000);
  const before = counts(call);
  for (let i = 0; i < SESSIONS; i++) await oneTurn(call, async (user) => user.hangUp());
  await call.clock.advance(60_000);
  expect(counts(call)).toEqual(before);
  await call.end();
  expect(counts(call)).toEqual({ actors: 0, names: 0, timers: 0, sessions: 0, sessionsOfTheAgent: 0 });
});

test(`${SESSIONS} sessions that crash for good leave nothing behind and do not touch their neighbour`, async () => {
  const call = await startTestCall({ answers: { Hello: { text: 'Hi.' } } });
  call.user.type('Hello');
  await call.until(30_000);
  const before = counts(call);
  const events = call.log.length;
  for (let i = 0; i < SESSIONS; i++)
    await oneTurn(call, async () => {
      for (let times = 0; times < 4; times++) {
        const name = call.runtime.sessions.at(-1)?.sessionId;
        if (call.runtime.sessions.length > 1) crash(call.runtime.registry.whereis(`${name}/session`));
        await call.clock.settle();
      }
    });
  await call.clock.advance(60_000);
  expect(counts(call)).toEqual(before);
  expect(call.log.length).toBe(events);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test('tools that are made anew for each call, and fail, leave nothing behind', async () => {
  const call = await startTestCall();
  await call.until(30_000);
  const before = counts(call);
  for (let i = 0; i < SESSIONS; i++) {
    const look = tool({
      name: 'look',
      description: 'Looks.',
      maxRetries: i % 2,
      retryDelayMs: 0,
      circuitBreaker: { failureThreshold: 1 + (i % 3), recoveryTimeMs: 1_000 },
      execute: () => {
        if (i % 4 > 0) throw new Error('boom');
        return 'sunny';
      },
    });
    const llm = new ScriptedLlm({ clock: call.clock, answers: { Hello: { calls: [{ name: 'look' }] } } });
    const user = new LoopbackUser({ clock: call.clock });
    const session = call.runtime.createSession({ agent: new Agent({ llm, tools: [look] }), transport: user.transport });
    await Promise.all([session.start(), call.clock.settle()]);
    session.sendText('Hello');
    await call.clock.advance(2_000);
    expect(session.history.map(({ type }) => type)).toContain('toolOutput');
    user.hangUp();
    await call.clock.advance(2_000);
    await session.whenStopped;
  }
  await call.clock.advance(60_000);
  expect(counts(call)).toEqual(before);
  const breakers = call.reports.flatMap(({ kind, supervisor, child }) =>
    kind === 'progress' && supervisor === 'runtime/tools' ? [child.id] : [],
  );
  expect(breakers).toEqual([...new Set(breakers)]);
  await call.end();
});

test('a tool that never fails needs no breaker', async () => {
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'sunny' });
  const call = await startTestCall({ agent: { tools: [look] }, answers: { Hello: { calls: [{ name: 'look' }] } } });
  call.user.type('Hello');
  await call.until(30_000);
  const before = counts(call);
  call.user.type('Hello');
  await call.until(60_000);
  expect(counts(call)).toEqual(before);
  expect(call.runtime.registry.whereis('breaker:look')).toBeUndefined();
  await call.end();
});
