import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, expect, inject, test } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type BrowserUser, browserUser } from './browser-user.ts';
import { type LiveAgent, prepareAgent } from './call.ts';
import { tokenFor } from './tokens.ts';

const access = inject('livekit');
let agent: LiveAgent;
let page: BrowserUser;
afterEach(async () => {
  await agent.end();
  await page.end();
});
afterAll(() => disposeLivekit());

/** Words of all finals of the user, in order. */
const wordsOf = ({ log }: LiveAgent) =>
  log
    .filter(({ name, event }) => name === 'stt_result' && (event as { isFinal: boolean }).isFinal) // by its name
    .map(({ event }) => (event as { text: string }).text)
    .join(' ')
    .toLowerCase()
    .replaceAll(/[^a-z ]/g, '');

test('what a person with a browser says before the agent comes is understood and answered, each word once', async () => {
  agent = await prepareAgent({ providers: {}, options: { endpointing: { minDelayMs: 300 } } });
  const says = [{ pauseMs: 300 }, 'Hello there, good morning.', { pauseMs: 20_000 }];
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  page = await browserUser(access.url, token, says, { preConnectBuffer: true });
  await delay(4_000); // all is said
  await agent.session.start();
  await page.until(
    "Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
    40_000,
  );
  const words = wordsOf(agent);
  expect(words).toContain('good morning');
  expect(words.match(/morning/g)).toHaveLength(1);
  expect(agent.problems).toEqual([]);
  expect(page.errors).toEqual([]);
}, 90_000);

test('a sentence that is being said while the agent comes is heard from its first word to its last', async () => {
  agent = await prepareAgent({ providers: {}, options: { endpointing: { minDelayMs: 500 } } });
  const says = [
    { pauseMs: 300 },
    'Please tell me the weather in London today,',
    'and the time in Paris, and in Berlin, and in New York.',
    { pauseMs: 20_000 },
  ];
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  page = await browserUser(access.url, token, says, { preConnectBuffer: true });
  await delay(1_500);
  await agent.session.start();
  await page.until(
    "Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
    40_000,
  );
  const words = wordsOf(agent);
  // The client loses up to 100 ms of its recording where the live audio takes over, so a word there may suffer.
  for (const word of ['please', 'london', 'paris', 'berlin', 'york'])
    expect(words.match(new RegExp(word, 'g')), `${word} in "${words}"`).toHaveLength(1);
  expect(agent.problems).toEqual([]);
}, 90_000);
