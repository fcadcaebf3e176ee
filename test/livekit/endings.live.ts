import { SimulateScenarioKind } from '@livekit/rtc-node';
import { afterAll, afterEach, describe, expect, inject, test } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import { createRuntime } from '../../src/runtime/create-runtime.ts';
import { disposeLivekit, livekitTransport } from '../../src/transports/livekit/index.ts';
import { roomClient } from './api-clients.ts';
import { comesBack, type LiveCall, startLiveCall, talk, talkAgain } from './call.ts';
import { isFinalOf, isSound } from './reports.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

const access = inject('livekit');
const rooms = roomClient(access);
let call: LiveCall | null = null;
afterEach(async () => {
  await call?.end();
  call = null;
});
afterAll(() => disposeLivekit());

describe('the call ends', () => {
  test('when the user is removed', async () => {
    call = await startLiveCall();
    await rooms.removeParticipant(call.room, 'user');
    await expect(call.session.whenStopped).resolves.toEqual({ reason: 'the user was removed' });
  });

  test('when the agent is removed', async () => {
    call = await startLiveCall();
    await rooms.removeParticipant(call.room, 'agent');
    await expect(call.session.whenStopped).resolves.toEqual({ reason: 'the agent was removed' });
  });

  test('when the room is deleted, in mid-answer too', async () => {
    call = await startLiveCall();
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(isSound(true));
    await rooms.deleteRoom(call.room);
    await expect(call.session.whenStopped).resolves.toEqual({
      reason: expect.stringContaining('the room was deleted'),
    });
    await call.transport.close();
    expect(call.problems).toEqual([]);
  });

  test('when the process of the user dies, once the server has noticed and closed the room', async () => {
    call = await startLiveCall();
    call.user.kill();
    await expect(call.session.whenStopped).resolves.toEqual({ reason: 'the room was closed' });
  }, 60_000);

  test('by the host in mid-answer: the page gets the words that were heard, and no broken stream', async () => {
    call = await startLiveCall();
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until((report) => report.type === 'transcript' && report.identity === 'agent');
    await call.session.close();
    await call.transport.close();
    await call.user.until(({ type }) => type === 'participantLeft');
    // Words and leaves come on different ways.
    await call.user.until(isFinalOf('agent'));
    const transcripts = call.user.reports.filter((report) => report.type === 'transcript');
    expect(transcripts.filter(({ text }) => text.includes('broken'))).toEqual([]);
    const last = transcripts.findLast(({ identity }) => identity === 'agent');
    expect(last).toMatchObject({ isClosed: true, attributes: { 'lk.transcription_final': 'true' } });
  });
});

describe('the call goes on', () => {
  test('after the library has reconnected in full', async () => {
    call = await startLiveCall();
    await talk(call);
    await comesBack(call, SimulateScenarioKind.SIMULATE_FULL_RECONNECT);
    await talkAgain(call);
    expect(call.session.state).not.toBe('closed');
  }, 60_000);

  test('after the wire was cut for two seconds in mid-answer', async () => {
    const wire = await startTcpProxy(access.url);
    call = await startLiveCall({ url: wire.url });
    await talk(call);
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    const sound = await call.user.until(isSound(true), { from: call.user.reports.length });
    wire.cut();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    wire.mend();
    await call.user.until(isSound(false), { from: call.user.reports.indexOf(sound), limitMs: 20_000 });
    await talkAgain(call);
    await wire.close();
  }, 60_000);

  test('after the server sent the agent away because it shuts down: it joins again by itself', async () => {
    call = await startLiveCall();
    await talk(call);
    await comesBack(call, SimulateScenarioKind.SIMULATE_SERVER_LEAVE);
    await talkAgain(call);
  }, 60_000);
});

describe('a room that cannot be joined fails with one clear error', () => {
  async function failure(url: string, token: string): Promise<unknown> {
    const runtime = createRuntime({ providers: toneProviders(() => ({})) });
    const transport = livekitTransport({ url, token });
    try {
      await runtime.startSession({ agent: new Agent({}), transport });
      return 'it started';
    } catch (error) {
      return error;
    } finally {
      await runtime.close();
      await transport.close();
    }
  }

  const tokenOf = (options: Partial<Parameters<typeof tokenFor>[1]> = {}, secret = access.apiSecret) =>
    tokenFor({ ...access, apiSecret: secret }, { identity: 'agent', room: 'refused', agent: true, ...options });

  test('for a wrong key', async () => {
    const error = await failure(access.url, await tokenOf({}, 'another-secret-with-more-than-32-characters'));
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable: false, fix: expect.stringContaining('API key') });
  });

  test('for an expired token', async () => {
    const error = await failure(access.url, await tokenOf({ ttl: -100 }));
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable: false });
  });

  test('for a token without the right to join', async () => {
    const error = await failure(access.url, await tokenOf({ grant: { roomJoin: false } }));
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable: false });
  });

  test('for a server that is not there, after the retries', async () => {
    const error = await failure('ws://127.0.0.1:9', await tokenOf());
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable: true, fix: expect.stringContaining('URL') });
  });
});
