import { afterAll, afterEach, expect, inject, test } from 'vitest';
import type { SessionOptionsInput } from '../../src/runtime/session-options.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type LiveAgent, prepareAgent } from './call.ts';
import { RemoteUser } from './remote-user.ts';
import { isFinalOf } from './reports.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

let agent: LiveAgent;
let user: RemoteUser;

async function start(audio: NonNullable<SessionOptionsInput['audio']>): Promise<void> {
  // The reply to "one" is cut in the middle.
  const answer = (text: string) => ({
    text: `You said ${text}.`,
    firstTokenMs: 300,
    durationMs: text === 'one' ? 8_000 : 1_000,
  });
  const { llm, ...speech } = toneProviders(answer);
  agent = await prepareAgent({ providers: audio === false ? { llm } : { llm, ...speech }, options: { audio } });
  const access = inject('livekit');
  user = new RemoteUser();
  await user.join(access.url, await tokenFor(access, { identity: 'user', room: agent.room }));
  await agent.session.start();
}

const subscribed = () =>
  [...(agent.transport.connection?.user?.trackPublications.values() ?? [])].filter(({ track }) => track !== undefined);

afterEach(async () => {
  await agent.end();
  await user.end();
});
afterAll(() => disposeLivekit());

test('typed text is answered in text: nothing is published, nothing subscribed, the agent is seen to speak', async () => {
  await start(false);
  user.send({ type: 'type', text: 'good morning' });
  const answered = await user.until(isFinalOf('agent'));
  expect(answered.text).toBe('You said good morning.');
  expect(answered.attributes).not.toHaveProperty('lk.transcribed_track_id');
  const states = () => user.states.filter((state) => state !== 'initializing').join(' ');
  // The first `listening` may come with the agent itself, or be overtaken by what was typed.
  await user.until(() => /^(listening )?thinking speaking listening$/.test(states()), { what: 'the states' });
  expect(user.reports.filter(({ type }) => type === 'track')).toEqual([]);
  expect(subscribed()).toEqual([]);
  expect(agent.session.history.map((item) => ('text' in item ? item.text : ''))).toEqual([
    'good morning',
    'You said good morning.',
  ]);
  expect(agent.problems).toEqual([]);
});

test('text that comes in the middle of a reply cuts it and is answered', async () => {
  await start(false);
  user.send({ type: 'type', text: 'one' });
  await user.until((report) => report.type === 'transcript' && report.text.startsWith('You'), { what: 'first words' });
  user.send({ type: 'type', text: 'two' });
  await user.until((report) => isFinalOf('agent')(report) && report.text === 'You said two.', { what: 'the answer' });
  expect(agent.session.history.map(({ type }) => type)).toEqual(['user', 'assistant', 'user', 'assistant']);
  expect(agent.session.history[1]).toMatchObject({ interrupted: true });
});

test('spoken in, written out: the microphone is heard, no voice is published', async () => {
  await start({ output: false });
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  const answered = await user.until(isFinalOf('agent'), { what: 'the written answer' });
  expect(answered.text).toBe('You said hello.');
  expect(user.reports.filter(({ type }) => type === 'track')).toEqual([]);
  expect(subscribed()).toHaveLength(1);
});
