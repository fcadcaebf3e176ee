import { expect, test } from 'vitest';
import { quietAgent, startTestJob } from '../test-job.ts';

test('what is left of a job that was let go is nothing: its sessions close, its agent leaves the room', async () => {
  const { job, clock, runtime, world, settled, presence } = startTestJob();
  await settled(job.joinRoom());
  await settled(job.startSession({ agent: quietAgent(clock) }));
  expect(runtime.sessions).toHaveLength(1);
  const released = job.release('killed');
  await clock.advance(5_000);
  await released;
  expect(runtime.sessions).toEqual([]);
  expect(world.room.isConnected).toBe(false);
  expect(presence.at(-1)).toBe('left');
  expect(clock.pendingTimers).toBe(0);
});
