import { describe, expect, test } from 'vitest';
import type { DtmfTone } from '../../../src/worker/job/telephone.ts';
import { FakeParticipant, KIND, WHY } from '../../transports/livekit/fake-rtc.ts';
import { json } from '../scripted-http.ts';
import { quietAgent, startTestJob } from '../test-job.ts';

const caller = (attributes: Record<string, string> = {}) =>
  new FakeParticipant('caller', KIND.SIP, { 'sip.callID': 'SCL_1', 'sip.phoneNumber': '+4930123', ...attributes });

async function startCall(attributes?: Record<string, string>) {
  const call = startTestJob();
  const phone = caller(attributes);
  call.world.present.push(phone);
  await call.settled(call.job.joinRoom());
  /** What is waited for while the call is just there. */
  const { pendingTimers: restingTimers } = call.clock;
  return { ...call, phone, restingTimers };
}

/** As the library does it: its own record has changed when it tells. */
function tell(call: Awaited<ReturnType<typeof startCall>>, changed: Record<string, string>) {
  Object.assign(call.phone.attributes, changed);
  call.world.room.emit('participantAttributesChanged', changed, call.phone);
}

describe('tones out', () => {
  test('every key of a telephone has its number, and they follow each other after 300 ms', async () => {
    const call = await startCall();
    const sent = call.job.sendDtmf('0123456789*#ABCD');
    await call.clock.advance(299);
    expect(call.world.room.dtmf).toEqual([{ code: 0, digit: '0' }]);
    await call.clock.advance(1);
    expect(call.world.room.dtmf).toHaveLength(2);
    await call.clock.advance(14 * 300);
    await sent;
    expect(call.world.room.dtmf.map(({ code }) => code)).toEqual(Array.from({ length: 16 }, (_, code) => code));
    expect(call.world.room.dtmf.map(({ digit }) => digit).join('')).toBe('0123456789*#ABCD');
  });

  test('two texts at once do not mix', async () => {
    const call = await startCall();
    const both = Promise.all([call.job.sendDtmf('12', { spacingMs: 100 }), call.job.sendDtmf('34', { spacingMs: 50 })]);
    await call.clock.advance(1_000);
    await both;
    expect(call.world.room.dtmf.map(({ digit }) => digit).join('')).toBe('1234');
  });

  test.each([
    ['', {}, 'sendDtmf'],
    ['12x', {}, 'sendDtmf'],
    ['a', {}, 'sendDtmf'],
    ['1'.repeat(257), {}, 'sendDtmf'],
    [12 as unknown as string, {}, 'sendDtmf'],
    ['1', { spacingMs: 10 }, 'spacingMs'],
    ['1', { spacing: 100 } as object, 'spacing'],
  ])('%j with %j is refused and nothing is sent', async (tones, options, field) => {
    const call = await startCall();
    await expect(call.job.sendDtmf(tones, options)).rejects.toMatchObject({ code: 'ERR_OPTION', field });
    expect(call.world.room.dtmf).toEqual([]);
  });

  test('the end of the job ends them, and those that wait', async () => {
    const call = await startCall();
    const [first, second] = [call.job.sendDtmf('123'), call.job.sendDtmf('4')];
    const ended = Promise.all(
      [first, second].map((sent) => expect(sent).rejects.toMatchObject({ code: 'ERR_CLOSED' })),
    );
    await call.clock.advance(100);
    call.controller.abort();
    await call.clock.advance(1_000);
    await ended;
    expect(call.world.room.dtmf).toHaveLength(1);
  });

  test('outside of the room they are refused; one that the room does not take fails that text only', async () => {
    const outside = startTestJob();
    await expect(outside.job.sendDtmf('1')).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    const call = await startCall();
    call.world.onSend = () => Promise.reject(new Error('refused'));
    await expect(call.job.sendDtmf('1')).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    call.world.onSend = () => new Promise(() => {});
    const stuck = expect(call.job.sendDtmf('2')).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await call.clock.advance(5_000);
    await stuck;
    call.world.onSend = async () => {};
    await call.job.sendDtmf('3');
    expect(call.world.room.dtmf).toEqual([{ code: 3, digit: '3' }]);
  });
});

describe('tones in', () => {
  test('a listener is told key, number and participant; one that throws is logged, garbage is not told', async () => {
    const call = await startCall();
    const tones: DtmfTone[] = [];
    call.job.onDtmf(() => {
      throw new Error('boom');
    });
    const stop = call.job.onDtmf((tone) => tones.push(tone));
    const { room } = call.world;
    room.emit('dtmfReceived', 11, '#', call.phone);
    // The digit is text of the other side; the number decides.
    room.emit('dtmfReceived', 5, 'x'.repeat(1_000), call.phone);
    for (const code of [-1, 16, 1.5, Number.NaN, 2 ** 40]) room.emit('dtmfReceived', code, '5', call.phone);
    room.emit('dtmfReceived', 1, '1', new FakeParticipant('nobody'));
    stop();
    room.emit('dtmfReceived', 1, '1', call.phone);
    await call.settle();
    expect(tones.map(({ digit, code, participant }) => [digit, code, participant.identity])).toEqual([
      ['#', 11, 'caller'],
      ['5', 5, 'caller'],
    ]);
    expect(call.lines.filter(({ level }) => level === 'error')).toHaveLength(3);
  });

  test('the session hears the keys of its own user', async () => {
    const call = startTestJob();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    call.world.present.push(ann, bob);
    const session = await call.settled(call.job.startSession({ agent: quietAgent(call.clock) }));
    const digits: string[] = [];
    session.on('dtmf_received', ({ digit }) => digits.push(digit));
    call.world.room.emit('dtmfReceived', 10, '*', ann);
    call.world.room.emit('dtmfReceived', 1, '1', bob);
    expect(digits).toEqual(['*']);
    await call.settled(session.close());
  });

  test.each([
    ['the terminator, which is not part of it', '12#', {}, { digits: '12', end: 'terminator' }],
    ['enough digits', '1234', { digits: 4 }, { digits: '1234', end: 'digits' }],
    ['a pause', '1', {}, { digits: '1', end: 'timeout' }],
    ['no key at all', '', {}, { digits: '', end: 'timeout' }],
    ['another terminator', '1#*', { terminator: '*' }, { digits: '1#', end: 'terminator' }],
    ['no terminator', '1#', { terminator: null, digits: 2 }, { digits: '1#', end: 'digits' }],
    ['keys of somebody else', '12', { participant: 'other' }, { digits: '', end: 'timeout' }],
  ] as const)('they are collected until %s', async (_, keys, options, expected) => {
    const call = await startCall();
    const collected = call.job.collectDtmf(options);
    for (const key of keys) {
      await call.clock.advance(1_000);
      call.world.room.emit('dtmfReceived', '0123456789*#'.indexOf(key), key, call.phone);
    }
    await call.clock.advance(expected.end === 'timeout' ? 10_000 : 1);
    expect(await collected).toEqual(expected);
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });

  test('the pause between two keys is shorter than the one before the first', async () => {
    const call = await startCall();
    let isOver = false;
    const collected = call.job.collectDtmf().finally(() => {
      isOver = true;
    });
    await call.clock.advance(9_999);
    call.world.room.emit('dtmfReceived', 7, '7', call.phone);
    await call.clock.advance(2_999);
    expect(isOver).toBe(false);
    await call.clock.advance(1);
    expect(await collected).toEqual({ digits: '7', end: 'timeout' });
  });

  test('the end of the job ends a collection; bad options are refused', async () => {
    const call = await startCall();
    const ended = expect(call.job.collectDtmf()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    call.controller.abort();
    await ended;
    await expect(call.job.collectDtmf()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => call.job.collectDtmf({ digits: 0 })).toThrow(expect.objectContaining({ field: 'digits' }));
    expect(() => call.job.collectDtmf({ terminator: 'x' })).toThrow(expect.objectContaining({ field: 'terminator' }));
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });
});

describe('a participant on the telephone', () => {
  test('has typed details, which grow when attributes come later', async () => {
    const call = await startCall();
    const participant = await call.job.waitForParticipant();
    expect(participant.sip).toMatchObject({ callId: 'SCL_1', phoneNumber: '+4930123', callStatus: null, headers: {} });
    tell(call, { 'sip.callStatus': 'active', 'sip.h.X-Account': '42', 'sip.hostname': 'sip.example' });
    expect(participant.sip).toMatchObject({
      callStatus: 'active',
      hostname: 'sip.example',
      headers: { 'X-Account': '42' },
    });
    expect(call.job.participants[0]).toBe(participant);
  });

  test('of another kind has none', async () => {
    const call = startTestJob();
    call.world.present.push(new FakeParticipant('ann', KIND.STANDARD, { 'sip.callID': 'forged' }));
    await call.settled(call.job.joinRoom());
    expect(call.job.participants[0]?.sip).toBeNull();
  });

  test('can be waited for until the call is answered', async () => {
    const call = await startCall({ 'sip.callStatus': 'dialing' });
    let answered = false;
    const wait = call.job.waitForAnswer('caller').then((participant) => {
      answered = true;
      return participant;
    });
    tell(call, { 'sip.callStatus': 'ringing' });
    await call.settle();
    expect(answered).toBe(false);
    tell(call, { 'sip.callStatus': 'active' });
    expect((await wait).identity).toBe('caller');
    expect((await call.job.waitForAnswer('caller')).identity).toBe('caller');
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });

  test.each([
    [WHY.USER_REJECTED, 'the user declined the call'],
    [WHY.USER_UNAVAILABLE, 'the user could not be reached'],
    [WHY.SIP_TRUNK_FAILURE, 'the telephone line failed'],
    [WHY.CONNECTION_TIMEOUT, 'the call was cut off'],
  ])('that leaves with reason %i before ends the wait with why', async (reason, text) => {
    const call = await startCall({ 'sip.callStatus': 'ringing' });
    const failed = expect(call.job.waitForAnswer('caller')).rejects.toMatchObject({
      code: 'ERR_SIP_CALL',
      message: expect.stringContaining(text),
    });
    call.world.room.leave(call.phone, reason);
    await failed;
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });

  test('that never answers ends the wait at its deadline, and the job at once', async () => {
    const call = await startCall({ 'sip.callStatus': 'ringing' });
    const late = expect(call.job.waitForAnswer('caller', { timeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      field: 'timeoutMs',
      message: expect.stringContaining('caller'),
    });
    await call.clock.advance(5_000);
    await late;
    const ended = expect(call.job.waitForAnswer('caller')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    call.controller.abort();
    await ended;
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });

  test.each([
    [WHY.USER_REJECTED, 'the user declined the call'],
    [WHY.USER_UNAVAILABLE, 'the user could not be reached'],
    [WHY.SIP_TRUNK_FAILURE, 'the telephone line failed'],
  ])('that leaves with reason %i ends the session, and the job has it as its reason', async (reason, text) => {
    const call = startTestJob();
    const phone = caller();
    call.world.present.push(phone);
    const session = await call.settled(call.job.startSession({ agent: quietAgent(call.clock) }));
    call.world.room.leave(phone, reason);
    await call.clock.advance(3_000);
    expect((await session.whenStopped).reason).toBe(text);
    expect(call.held).toMatchObject({ count: 0, reason: text });
  });
});

describe('calls through the server', () => {
  test('dialling and sending away ask for the room of the job', async () => {
    const call = startTestJob();
    call.http.answer = () => json({ sip_call_id: 'SC_1', participant_identity: 'bob' });
    const dialled = await call.job.createSipParticipant({ identity: 'bob', trunkId: 'ST_1', to: '+49' });
    expect(dialled.callId).toBe('SC_1');
    await call.job.removeParticipant('bob');
    await call.job.removeParticipant({ identity: 'ann' });
    expect(call.http.asked.map(({ method, body }) => [method, body])).toMatchObject([
      ['CreateSIPParticipant', { roomName: 'lobby', participantIdentity: 'bob' }],
      ['RemoveParticipant', { room: 'lobby', identity: 'bob' }],
      ['RemoveParticipant', { room: 'lobby', identity: 'ann' }],
    ]);
  });

  test('a transfer goes to a number or an address, and only from the telephone', async () => {
    const call = await startCall();
    const [phone] = call.job.participants;
    if (phone === undefined) throw new Error('nobody is there');
    await call.job.transferSipParticipant(phone, 'tel:+4930999', { playDialtone: true });
    await call.job.transferSipParticipant('caller', 'sip:desk@example.com', { headers: { 'X-Why': 'billing' } });
    expect(call.http.asked.map(({ body }) => body)).toEqual([
      { roomName: 'lobby', participantIdentity: 'caller', transferTo: 'tel:+4930999', playDialtone: true },
      {
        roomName: 'lobby',
        participantIdentity: 'caller',
        transferTo: 'sip:desk@example.com',
        headers: { 'X-Why': 'billing' },
      },
    ]);
    for (const to of ['+4930999', 'tel:', 'tel:call me', 'http://x', 'sip:']) {
      await expect(call.job.transferSipParticipant(phone, to)).rejects.toMatchObject({
        code: 'ERR_OPTION',
        field: 'to',
        fix: expect.stringContaining('tel:+4930123456'),
      });
    }
    call.world.room.enter(new FakeParticipant('ann'));
    await expect(call.job.transferSipParticipant('ann', 'tel:+1')).rejects.toMatchObject({
      field: 'participant',
      fix: expect.stringContaining('on the telephone'),
    });
    expect(call.http.asked).toHaveLength(2);
  });

  test('a dial or transfer that is under way is given up when the job ends', async () => {
    const call = await startCall();
    call.http.answer = () => new Promise(() => {});
    const transfer = expect(call.job.transferSipParticipant('caller', 'tel:+1')).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    });
    call.controller.abort();
    await transfer;
    expect(call.clock.pendingTimers).toBe(call.restingTimers);
  });
});

describe('hanging up', () => {
  test('ends the session, unpublishes, leaves, and only then deletes the room; then the job ends', async () => {
    const call = startTestJob();
    call.world.present.push(caller());
    const session = await call.settled(call.job.startSession({ agent: quietAgent(call.clock) }));
    const hungUp = call.job.hangUp('bye');
    await call.clock.advance(5_000);
    await hungUp;
    expect((await session.whenStopped).reason).toBe('bye');
    expect(call.world.log.filter((line) => /unpublish|disconnect|api/.test(line))).toEqual([
      'unpublish TR_agent',
      'disconnect',
      'api DeleteRoom',
    ]);
    expect(call.log).toEqual(['shutdown: bye']);
    expect(call.held.count).toBe(0);
  });

  test('a job keeps alive until the room is deleted, and goes on after deleteRoom', async () => {
    const call = await startCall();
    let answer: (response: Response) => void = () => {};
    call.http.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const deleted = call.job.deleteRoom();
    await call.settle();
    expect(call.held.count).toBe(1);
    // The server ends the job of an agent that has left.
    call.controller.abort();
    answer(json({}));
    await deleted;
    await call.settle();
    expect(call.held).toMatchObject({ count: 0, failures: [] });
    expect(call.log).toEqual([]);
  });

  test('a room that was joined without a session is left first, too', async () => {
    const call = await startCall();
    let leave: () => void = () => {};
    call.world.onDisconnect = () =>
      new Promise((resolve) => {
        leave = resolve;
      });
    const deleted = call.job.deleteRoom();
    await call.settle();
    expect(call.http.asked).toEqual([]);
    leave();
    await deleted;
    expect(call.world.log.slice(-2)).toEqual(['disconnect', 'api DeleteRoom']);
  });

  test('a room that is gone is no error; a server that refuses ends the job all the same', async () => {
    const call = await startCall();
    call.http.answer = () => json({ code: 'not_found', msg: 'requested room does not exist' }, 404);
    await call.settled(call.job.deleteRoom());
    call.http.answer = () => json({ code: 'unauthenticated', msg: '' }, 401);
    await expect(call.settled(call.job.hangUp())).rejects.toMatchObject({ code: 'ERR_WORKER_AUTH' });
    expect(call.log).toEqual(['shutdown: the agent hung up']);
    expect(call.held.failures).toEqual([]);
  });
});
