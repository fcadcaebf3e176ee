import { describe, expect, test } from 'vitest';
import { crash } from '../../../src/testing/crash.ts';
import { FakeParticipant, WHY } from '../../transports/livekit/fake-rtc.ts';
import { quietAgent, startTestJob } from '../test-job.ts';

async function startCall() {
  const call = startTestJob();
  call.world.present.push(new FakeParticipant('ann'));
  const session = await call.settled(call.job.startSession({ agent: quietAgent(call.clock) }));
  return { ...call, session };
}

const refuseAll = ({ world }: Pick<ReturnType<typeof startTestJob>, 'world'>) => {
  world.onConnect = () => Promise.reject(new Error('refused'));
};

describe('a session that broke fails its job, so that its room gets another agent', () => {
  test('the room was lost and cannot be joined again', async () => {
    const call = await startCall();
    refuseAll(call);
    call.world.room.drop(WHY.UNKNOWN);
    await call.clock.advance(60_000);
    expect(call.held).toMatchObject({ count: 0, failures: [expect.stringContaining('refused')] });
    expect((await call.session.whenStopped).error).toMatchObject({ code: 'ERR_TRANSPORT' });
    expect(call.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'session broke', code: 'ERR_TRANSPORT' }),
    );
  });

  test('its parts crash again and again', async () => {
    const call = await startCall();
    for (let i = 0; i < 30; i++) {
      const conversation = call.runtime.registry.whereis(`${call.session.sessionId}/conversation`);
      if (conversation !== undefined) crash(conversation);
      await call.clock.advance(10);
    }
    expect(call.held).toMatchObject({ count: 0, failures: [expect.stringContaining('gave up')] });
    expect((await call.session.whenStopped).error).toMatchObject({ code: 'ERR_SESSION' });
  });

  test.each([
    ['the user left', WHY.CLIENT_INITIATED],
    ['the user was removed', WHY.PARTICIPANT_REMOVED],
  ])('one that was ended has not: %s', async (reason, why) => {
    const call = await startCall();
    const [ann] = call.world.present;
    if (ann !== undefined) call.world.room.leave(ann, why);
    await call.clock.advance(3_000);
    expect(call.held).toEqual({ count: 0, failures: [], reason });
    expect((await call.session.whenStopped).error).toBeUndefined();
  });
});
