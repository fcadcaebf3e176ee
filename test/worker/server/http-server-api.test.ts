import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { serverApi } from '../../../src/worker/server/http-server-api.ts';
import { json, ScriptedHttp } from '../scripted-http.ts';
import { CONNECTION } from '../test-worker.ts';

function startApi() {
  const clock = new VirtualClock();
  const http = new ScriptedHttp();
  return { clock, http, api: serverApi({ connection: CONNECTION, clock, fetch: http.fetch }) };
}

const failureOf = (promise: Promise<unknown>): Promise<AgentError> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: AgentError) => error,
  );

test('calls go below the path of the server, with a token for this call only', async () => {
  const { http, api } = startApi();
  await api.listRooms(['a', 'b']);
  await api.removeParticipant('r', 'ann');
  await api.deleteRoom('r');
  expect(http.asked).toMatchObject([
    { url: 'https://lk.test/base/twirp/livekit.RoomService/ListRooms', body: { names: ['a', 'b'] } },
    { url: 'https://lk.test/base/twirp/livekit.RoomService/RemoveParticipant', body: { room: 'r', identity: 'ann' } },
    { method: 'DeleteRoom', body: { room: 'r' } },
  ]);
  expect(http.asked.map(({ claims }) => claims.video)).toEqual([
    { roomList: true },
    { roomAdmin: true, room: 'r' },
    { roomCreate: true },
  ]);
  const { iss, exp, nbf } = http.asked[0]?.claims ?? {};
  expect([iss, Number(exp) - Number(nbf)]).toEqual(['devkey', 80]);
});

test('rooms, participants and dispatches come as plain records; fields of newer servers do no harm', async () => {
  const { http, api } = startApi();
  http.answer = ({ method }) => {
    switch (method) {
      case 'ListRooms':
        return json({ rooms: [{ sid: 'RM_1', name: 'r', num_participants: 2, creation_time: '1700000000', new: 1 }] });
      case 'ListParticipants':
        return json({ participants: [{ sid: 'PA_1', identity: 'ann', kind: 'SIP', joined_at: '1700000001' }] });
      default:
        return json({
          agent_dispatches: [
            {
              id: 'AD_1',
              agent_name: 'desk',
              room: 'r',
              state: {
                created_at: '1700000000000000000',
                jobs: [{ id: 'AJ_1', type: 'JT_ROOM', state: { status: 'JS_FAILED', error: 'x', worker_id: 'AW_1' } }],
              },
            },
          ],
        });
    }
  };
  expect(await api.listRooms()).toEqual([
    { sid: 'RM_1', name: 'r', metadata: '', participantCount: 2, createdAtEpochMs: 1_700_000_000_000 },
  ]);
  expect(await api.listParticipants('r')).toMatchObject([
    { identity: 'ann', kind: 'sip', joinedAtEpochMs: 1_700_000_001_000 },
  ]);
  expect(await api.listDispatch('r')).toMatchObject([
    {
      id: 'AD_1',
      agentName: 'desk',
      roomName: 'r',
      createdAtEpochMs: 1_700_000_000_000,
      deletedAtEpochMs: 0,
      jobs: [{ id: 'AJ_1', kind: 'room', status: 'failed', error: 'x', workerId: 'AW_1', participant: null }],
    },
  ]);
});

test('telephone calls carry what was asked for under the names of the server', async () => {
  const { http, api } = startApi();
  http.answer = () => json({ participant_id: 'PA_1', participant_identity: 'bob', room_name: 'r', sip_call_id: 'SC' });
  const call = { roomName: 'r', identity: 'bob', trunkId: 'ST_1', to: '+4930123', ringingTimeoutMs: 20_000 };
  expect(await api.createSipParticipant({ ...call, dtmf: '1w2', headers: { 'X-A': 'b' } })).toEqual({
    participantSid: 'PA_1',
    identity: 'bob',
    roomName: 'r',
    callId: 'SC',
  });
  await api.transferSipParticipant({ roomName: 'r', identity: 'bob', to: 'tel:+1', playDialtone: true });
  expect(http.asked.map(({ body }) => body)).toEqual([
    {
      roomName: 'r',
      participantIdentity: 'bob',
      sipTrunkId: 'ST_1',
      sipCallTo: '+4930123',
      ringingTimeout: '20s',
      dtmf: '1w2',
      headers: { 'X-A': 'b' },
    },
    { roomName: 'r', participantIdentity: 'bob', transferTo: 'tel:+1', playDialtone: true },
  ]);
  expect(http.asked.map(({ claims: { video, sip } }) => ({ video, sip }))).toEqual([
    { sip: { call: true } },
    { video: { roomAdmin: true, room: 'r' }, sip: { call: true } },
  ]);
});

test.each([
  ['a refused key', 401, { code: 'unauthenticated', msg: 'invalid token' }, 'ERR_WORKER_AUTH', false],
  ['a missing right', 403, { code: 'permission_denied', msg: 'permissions denied' }, 'ERR_WORKER_AUTH', false],
  ['somebody who is not there', 404, { code: 'not_found', msg: 'participant' }, 'ERR_NOT_FOUND', false],
  [
    'a server without telephony',
    500,
    { code: 'internal', msg: 'sip not connected (redis required)' },
    'ERR_SIP_UNAVAILABLE',
    false,
  ],
  [
    'a busy line',
    412,
    { code: 'failed_precondition', msg: 'x', meta: { sip_status_code: '486', sip_status: 'Busy Here' } },
    'ERR_SIP_CALL',
    true,
  ],
  ['an address without an API', 404, 'not json', 'ERR_SERVER_API', false],
  ['a bad request', 400, { code: 'invalid_argument', msg: 'x' }, 'ERR_SERVER_API', false],
  ['too many requests', 429, { code: 'resource_exhausted', msg: 'x' }, 'ERR_SERVER_API', true],
  ['a broken server', 503, null, 'ERR_SERVER_API', true],
  ['a deadline of the server', 408, { code: 'deadline_exceeded', msg: 'x' }, 'ERR_TIMEOUT', true],
])('%s is a coded error', async (_, status, body, code, retryable) => {
  const { http, api } = startApi();
  http.answer = () => json(body, status);
  const error = await failureOf(api.deleteRoom('r'));
  expect(error).toBeInstanceOf(AgentError);
  expect({ code: error.code, retryable: error.retryable }).toEqual({ code, retryable });
});

test.each([
  ['no JSON', () => new Response('<html>')],
  ['JSON of another shape', () => json({ rooms: 'many' })],
  ['a list', () => json([1])],
  ['a body that breaks off', () => new Response(new ReadableStream({ pull: (it) => it.error(new Error('reset')) }))],
])('an answer that is %s fails the call and nothing else', async (_, answer) => {
  const { http, api } = startApi();
  http.answer = answer;
  expect((await failureOf(api.listRooms())).code).toMatch(/^ERR_(SERVER_API|TRANSPORT)$/);
});

test.each([
  ['nobody serves telephones', 'no response from servers', 'ERR_SIP_UNAVAILABLE'],
  ['the participant is not on one', 'no SIP session associated with participant', 'ERR_SIP_CALL'],
  ['something else is wrong', 'x', 'ERR_SERVER_API'],
])('a transfer is refused when %s', async (_, msg, code) => {
  const { http, api } = startApi();
  http.answer = () => json({ code: 'internal', msg: `twirp error unknown: ${msg}` }, 500);
  const error = await failureOf(api.transferSipParticipant({ roomName: 'r', identity: 'a', to: 'tel:+1' }));
  expect(error.code).toBe(code);
  expect(error.message).not.toContain('twirp');
});

test('a silent server is waited for up to the deadline; a transfer waits for the telephone', async () => {
  const { clock, http, api } = startApi();
  http.answer = () => new Promise(() => {});
  const failures: string[] = [];
  const note = (name: string) => (error: AgentError) => failures.push(`${name} ${error.code} ${error.field}`);
  api.listRooms().catch(note('rooms'));
  api.listRooms([], { timeoutMs: 500 }).catch(note('impatient'));
  api.transferSipParticipant({ roomName: 'r', identity: 'a', to: 'tel:+1' }).catch(note('transfer'));
  await clock.advance(500);
  expect(failures).toEqual(['impatient ERR_TIMEOUT timeoutMs']);
  await clock.advance(9_500);
  expect(failures).toEqual(['impatient ERR_TIMEOUT timeoutMs', 'rooms ERR_TIMEOUT timeoutMs']);
  await clock.advance(80_000);
  expect(failures).toHaveLength(3);
  expect(clock.pendingTimers).toBe(0);
});

test('a call that nobody waits for any more is given up', async () => {
  const { http, api } = startApi();
  http.answer = () => new Promise(() => {});
  const abort = new AbortController();
  const failed = failureOf(api.listRooms([], { signal: abort.signal }));
  abort.abort();
  expect((await failed).code).toBe('ERR_CLOSED');
  expect((await failureOf(api.listRooms([], { signal: abort.signal }))).code).toBe('ERR_CLOSED');
});

test('no error text holds a secret or a token, although the server sends it back', async () => {
  const { clock, http } = startApi();
  let token = '';
  const spy: typeof http.fetch = (url, init) => {
    token = String((init.headers as Record<string, string>).authorization).slice(7); // as twirp.ts gives them
    return http.fetch(url, init);
  };
  const echoing = serverApi({ connection: CONNECTION, clock, fetch: spy });
  http.answer = () => json({ code: 'invalid_argument', msg: `bad token ${token}` }, 400);
  const error = await failureOf(echoing.listRooms());
  expect(token.split('.')).toHaveLength(3);
  expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(token.slice(0, 20));
  expect(error.message).not.toContain(CONNECTION.apiSecret);
});

test('over a real socket: a redirect is not followed, a closed port is told', async () => {
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listens on a port
  const api = serverApi({ connection: { ...CONNECTION, url: `ws://127.0.0.1:${port}` }, clock: realClock });
  expect((await failureOf(api.listRooms())).code).toBe('ERR_TRANSPORT');
  expect(paths).toEqual(['/twirp/livekit.RoomService/ListRooms']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const refused = await failureOf(api.listRooms());
  expect(refused).toMatchObject({ code: 'ERR_TRANSPORT', retryable: true });
});

test('under a virtual clock the network is refused', () => {
  expect(() => serverApi({ connection: CONNECTION, clock: new VirtualClock() })).toThrow(
    expect.objectContaining({ code: 'ERR_REAL_IO' }),
  );
});
