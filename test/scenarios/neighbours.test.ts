// A session that crashes again and again is its own affair: to the others it makes no difference of a millisecond.
import { expect, test } from 'vitest';
import { crash, LoopbackUser, startTestCall } from '../../src/testing/index.ts';

const SESSIONS = 100;
const CALL_MS = 12_000;

/** What each of the other sessions told, with times, while the first one crashed every 200 ms or did not. */
async function run(crashes: boolean): Promise<readonly (readonly string[])[]> {
  const call = await startTestCall({
    agent: { agentId: 'agent' },
    otherwise: (text) => ({ text: `You said ${text}.`, firstTokenMs: 100, durationMs: 300 }),
    runtime: { maxSessions: SESSIONS },
  });
  const { clock, runtime, session } = call;
  const logs: string[][] = [];
  const users: LoopbackUser[] = [];
  for (let i = 1; i < SESSIONS; i++) {
    const user = new LoopbackUser({ clock, frameMs: 100, trailingSilenceMs: 700 });
    const other = runtime.createSession({ agent: session.agent, transport: user.transport });
    const log: string[] = [];
    // Ids are drawn from one source, so the crashing session shifts them; times and texts must not move.
    other.onAny((name, event) => log.push(`${clock.now()} ${name} ${JSON.stringify({ ...event, sessionId: '' })}`));
    await Promise.all([other.start(), clock.settle()]);
    logs.push(log);
    users.push(user);
  }
  for (const [i, user] of users.entries()) {
    clock.setTimeout(() => user.type(`first ${i}`), 500 + i * 10);
    clock.setTimeout(() => user.type(`second ${i}`), 4_000 + i * 10);
    clock.setTimeout(() => user.speak('', { durationMs: 800 }), 5_000 + i * 10);
  }
  call.user.type('loop');
  for (let atMs = 0; atMs < CALL_MS; atMs += 200) {
    if (crashes)
      for (const part of ['conversation', 'stt', 'session'])
        crash(runtime.registry.whereis(`${session.sessionId}/${part}`));
    await clock.advance(200);
  }
  expect(call.log.some(({ name }) => name === 'session_stopped')).toBe(crashes);
  expect(runtime.sessions).toHaveLength(crashes ? SESSIONS - 1 : SESSIONS);
  for (const user of users) user.dispose();
  await call.end();
  return logs;
}

test(`a session that crashes in a loop does not move an event of the ${SESSIONS - 1} others`, async () => {
  const calm = await run(false);
  const beside = await run(true);
  expect(calm.every((log) => log.filter((line) => line.includes('turn_completed')).length === 2)).toBe(true);
  expect(beside).toEqual(calm);
});
