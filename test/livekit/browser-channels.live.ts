import { AgentSession as pb } from '@livekit/protocol';
import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import { attachAgentControl, attachSessionChannel, disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type BrowserUser, browserUser } from './browser-user.ts';
import { type LiveAgent, prepareAgent } from './call.ts';
import { tokenFor } from './tokens.ts';

let agent: LiveAgent;
let page: BrowserUser;
afterEach(async () => {
  await agent.end();
  await page.end();
});
afterAll(() => disposeLivekit());

async function start(): Promise<void> {
  const access = inject('livekit');
  agent = await prepareAgent();
  attachAgentControl(agent.session, agent.transport);
  attachSessionChannel(agent.session, agent.transport);
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  // First: a room in which only an agent waits is closed after some seconds.
  page = await browserUser(access.url, token);
  await agent.session.start();
  // What comes from somebody whom the agent has not seen yet has no sender.
  const seen = () => agent.transport.connection?.room.remoteParticipants.has('user');
  await vi.waitFor(() => expect(seen()).toBe(true), { timeout: 10_000 });
  await page.run(`{
    window.answers = [];
    room.registerByteStreamHandler('lk.agent.session', async (reader) => {
      for (const chunk of await reader.readAll()) answers.push([...chunk]);
    });
    room.on('dataReceived', (bytes, from, kind, topic) => {
      if (topic === 'agent-control') answers.push(JSON.parse(new TextDecoder().decode(bytes)));
    });
  }`);
}

test('a page asks on the session channel as the official ones do: a stream whose length nobody knows', async () => {
  await start();
  const request = new pb.SessionRequest({
    requestId: 'first-request',
    request: { case: 'runInput', value: { text: 'hi' } },
  });
  const bytes = new pb.AgentSessionMessage({ message: { case: 'request', value: request } }).toBinary();
  await page.run(`(async () => {
    const writer = await room.localParticipant.streamBytes({ topic: 'lk.agent.session', destinationIdentities: ['agent'] });
    await writer.write(new Uint8Array([${bytes.join()}]));
    await writer.close();
  })()`);
  await page.until("answers.some((bytes) => String.fromCharCode(...bytes).includes('first-request'))");
  const answers = (await page.run('answers')) as number[][]; // made by the page
  const messages = answers.map((each) => pb.AgentSessionMessage.fromBinary(Uint8Array.from(each)).toJson());
  expect(messages).toContainEqual({
    response: expect.objectContaining({
      requestId: 'first-request',
      runInput: {
        items: [{ message: expect.objectContaining({ content: [{ text: expect.stringMatching(/^one/) }] }) }],
      },
    }),
  });
  expect([agent.problems, page.errors]).toEqual([[], []]);
}, 60_000);

test('a page asks by control messages in a line of JavaScript', async () => {
  await start();
  await page.run(`room.localParticipant.publishData(
    new TextEncoder().encode(JSON.stringify({ type: 'getState', id: 1 })),
    { reliable: true, topic: 'agent-control', destinationIdentities: ['agent'] },
  )`);
  await page.until("answers.some((answer) => answer.type === 'result')");
  expect(await page.run("answers.find(({ type }) => type === 'result')")).toMatchObject({
    id: 1,
    result: { agentState: 'listening', userState: 'listening' },
  });
  expect([agent.problems, page.errors]).toEqual([[], []]);
}, 60_000);
