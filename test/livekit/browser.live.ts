import { afterAll, afterEach, expect, inject, test } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type BrowserUser, browserUser } from './browser-user.ts';
import { type LiveAgent, type LiveAgentOptions, prepareAgent } from './call.ts';
import { tokenFor } from './tokens.ts';

const access = inject('livekit');
let agent: LiveAgent;
let page: BrowserUser;
afterEach(async () => {
  await agent.end();
  await page.end();
});
afterAll(() => disposeLivekit());

async function start(says: Parameters<typeof browserUser>[2], options: LiveAgentOptions): Promise<void> {
  agent = await prepareAgent(options);
  await agent.session.start();
  page = await browserUser(access.url, await tokenFor(access, { identity: 'user', room: agent.room }), says);
}

test('a person with a browser is understood and answered by the embedded voices', async () => {
  // The engines begin to start with the first audio, and this machine carries the browser and the server too.
  await start([{ pauseMs: 8_000 }, 'Hello there. Good morning.', { pauseMs: 20_000 }], {
    providers: {},
    options: { endpointing: { minDelayMs: 300 } },
  });
  await page.until(
    "Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
    40_000,
  );
  const seen = await page.until('seen.sounds.length > 1 && !seen.isLoud');
  const texts = Object.values(seen.transcripts).filter(({ isFinal }) => isFinal);
  expect(texts.find(({ identity }) => identity === 'user')?.text.toLowerCase()).toContain('good morning');
  expect(texts.find(({ identity }) => identity === 'agent')?.text).toMatch(/\w+ \w+/);
  expect(seen.loudest).toBeGreaterThan(0.03);
  await page.until("seen.states.at(-1) === 'listening'");
  expect((await page.seen()).states).toContain('speaking');
  expect(page.errors).toEqual([]);
}, 90_000);

test('a voice over the answer silences it in the browser, and hanging up ends the session', async () => {
  const long = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' '); // 18 s
  const says = [
    { pauseMs: 2_000 },
    'Tell me all about it.',
    { pauseMs: 4_000 },
    'Stop it now please, I have heard enough.',
  ];
  let count = 0;
  await start([...says, { pauseMs: 20_000 }], {
    answer: () => ({ text: ++count === 1 ? long : '', firstTokenMs: 0, durationMs: 0 }),
    options: { endpointing: { minDelayMs: 500 }, interruption: { minDurationMs: 200 } },
  });
  await page.until('seen.isLoud');
  const seen = await page.until('seen.sounds.length > 1 && !seen.isLoud');
  const [on, off] = seen.sounds;
  expect((off?.atMs ?? 0) - (on?.atMs ?? 0)).toBeLessThan(9_000);
  const cut = await page.until(
    "Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
  );
  const said = Object.values(cut.transcripts).find(({ identity }) => identity === 'agent');
  const heardMs = (said?.text.split(' ').length ?? 0) * 300;
  expect(Math.abs(heardMs - ((off?.atMs ?? 0) - (on?.atMs ?? 0)))).toBeLessThan(700);
  expect(page.errors).toEqual([]);
  await page.run('room.disconnect()');
  await expect(agent.session.whenStopped).resolves.toEqual({ reason: 'the user left' });
}, 60_000);
