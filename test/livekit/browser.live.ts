import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type BrowserUser, type BrowserUserOptions, browserUser, type Seen } from './browser-user.ts';
import { type LiveAgent, type LiveAgentOptions, prepareAgent, untilListened } from './call.ts';
import { tokenFor } from './tokens.ts';

const access = inject('livekit');
let agent: LiveAgent;
let page: BrowserUser;
afterEach(async () => {
  await agent.end();
  await page.end();
});
afterAll(() => disposeLivekit());

/** Each hears the other after this. The page comes first: a room in which only an agent waits is closed after some seconds. */
async function start(options: LiveAgentOptions, capture: BrowserUserOptions = {}): Promise<void> {
  agent = await prepareAgent(options);
  page = await browserUser(access.url, await tokenFor(access, { identity: 'user', room: agent.room }), capture);
  await agent.session.start();
  await untilListened(agent);
  await page.until('seen.isListening');
}

const wordsOf = ({ transcripts }: Seen, who: string) =>
  Object.values(transcripts)
    .filter(({ identity, isFinal }) => identity === who && isFinal)
    .map(({ text }) => text.toLowerCase())
    .join(' ');

test('a person with a browser is understood and answered by the embedded voices', async () => {
  // The pause in front of it is for the agent to come in; were it too short, the words come round.
  const wav = [{ pauseMs: 8_000 }, 'Hello there. Good morning.', { pauseMs: 20_000 }];
  await start({ providers: {}, options: { endpointing: { minDelayMs: 300 } } }, { wav });
  // The engines start with the first audio, and this machine carries the browser and the server too.
  await vi.waitFor(async () => expect(wordsOf(await page.seen(), 'user')).toContain('good morning'), 60_000);
  await vi.waitFor(async () => expect(wordsOf(await page.seen(), 'agent')).toMatch(/\w+ \w+/), 40_000);
  const seen = await page.until('seen.sounds.length > 1 && !seen.isLoud');
  expect(seen.loudest).toBeGreaterThan(0.03);
  // The first `listening` is the one before the answer.
  await page.until("seen.states.includes('speaking') && seen.states.at(-1) === 'listening'");
  expect(page.errors).toEqual([]);
}, 120_000);

test('a voice over the answer silences it in the browser, and hanging up ends the session', async () => {
  const long = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' '); // 18 s
  let count = 0;
  await start({
    answer: () => ({ text: ++count === 1 ? long : '', firstTokenMs: 0, durationMs: 0 }),
    options: { endpointing: { minDelayMs: 500 }, interruption: { minDurationMs: 200 } },
  });
  await page.say('Tell me all about it.');
  await page.until('seen.isLoud');
  await page.say('Stop it now please, I have heard enough.');
  const seen = await page.until(
    "!seen.isLoud && Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
  );
  const said = wordsOf(seen, 'agent');
  expect(long.startsWith(said)).toBe(true);
  const shownMs = said.split(' ').length * 300;
  expect(shownMs).toBeLessThan(9_000);
  const heardMs = seen.sounds.reduce((sum, { on, atMs }) => sum + (on ? -atMs : atMs), 0);
  expect(Math.abs(shownMs - heardMs)).toBeLessThan(700);
  expect(page.errors).toEqual([]);
  await page.run('room.disconnect()');
  await expect(agent.session.whenStopped).resolves.toEqual({ reason: 'the user left' });
}, 60_000);
