import { AgentSession as pb } from '@livekit/protocol';
import { expect, test } from 'vitest';
import { loadSessionCodec } from '../../../src/transports/livekit/channels/session-protocol.ts';
import type { JobSessionOptions } from '../../../src/worker/index.ts';
import { FakeParticipant } from '../../transports/livekit/fake-rtc.ts';
import { quietAgent, startTestJob } from '../test-job.ts';

/** A session in the room of a job, and what comes back when its user asks on both channels. */
async function start(options: Omit<JobSessionOptions, 'agent'> = {}) {
  await loadSessionCodec(); // so that it takes no real time afterwards
  const { job, clock, world, settled, settle, controller } = startTestJob();
  const anna = new FakeParticipant('anna');
  world.present.push(anna);
  await settled(job.startSession({ agent: quietAgent(clock), ...options }));
  const ask = async (type: string) => {
    const before = world.room.data.length;
    const bytes = new TextEncoder().encode(JSON.stringify({ type, id: 1 }));
    world.room.emit('dataReceived', bytes, anna, 1, 'agent-control');
    await settle();
    return world.room.data.slice(before).map((sent) => JSON.parse(new TextDecoder().decode(sent.bytes)));
  };
  const ping = async () => {
    const value = { requestId: 'r', request: { case: 'ping' as const, value: {} } };
    const bytes = new pb.AgentSessionMessage({ message: { case: 'request', value } }).toBinary();
    world.room.receiveBytes('lk.agent.session', 'anna', bytes);
    await settle();
    const messages = world.room.byteStreams.map((sent) =>
      pb.AgentSessionMessage.fromBinary(Uint8Array.from(sent.bytes)),
    );
    return messages.filter(({ message }) => message.case === 'response').length;
  };
  return { ask, ping, end: () => controller.abort() };
}

test('a session of a job has both channels, and its user may do what is harmless', async () => {
  const { ask, ping, end } = await start();
  expect(await ask('getState')).toMatchObject([{ type: 'result', result: { agentState: 'listening' } }]);
  expect(await ask('close')).toMatchObject([{ type: 'error', error: { code: 'ERR_CONTROL_FORBIDDEN' } }]);
  expect(await ping()).toBe(1);
  end();
});

test('the job says what may be asked for', async () => {
  const { ask, end } = await start({ agentControl: { allow: ['ping'], handlers: { own: () => 7 } } });
  expect(await ask('own')).toMatchObject([{ result: 7 }]);
  expect(await ask('ping')).toMatchObject([{ type: 'result' }]);
  expect(await ask('getState')).toMatchObject([{ type: 'error' }]);
  end();
});

test('either channel can be left closed', async () => {
  const { ask, ping, end } = await start({ agentControl: false, sessionChannel: false });
  expect(await ask('getState')).toEqual([]);
  expect(await ping()).toBe(0);
  end();
});

test('a wrong option is named, and no session is left behind', async () => {
  const wrong = { agentControl: { allow: ['fly'] } } as never;
  await expect(start(wrong)).rejects.toMatchObject({ code: 'ERR_OPTION', field: 'allow.0' });
});
