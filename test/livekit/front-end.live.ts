// What the official front ends show: their own library merges what the agent sends.
import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type BrowserUser, browserUser } from './browser-user.ts';
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

interface Shown {
  readonly states: readonly string[];
  readonly transcripts: Readonly<
    Record<string, { readonly identity: string; readonly text: string; readonly isFinal: boolean }>
  >;
  readonly older: Readonly<Record<string, string>>;
  readonly chat: readonly { readonly from: string; readonly text: string }[];
  readonly left: number | string | null;
}

async function start(options: LiveAgentOptions): Promise<void> {
  agent = await prepareAgent(options);
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  page = await browserUser(access.url, token, { page: 'components' });
  await agent.session.start();
  await untilListened(agent);
}

const shown = async () => (await page.run('seen')) as Shown; // made by the page
const saidBy = ({ transcripts }: Shown, who: string) =>
  Object.values(transcripts)
    .filter(({ identity }) => identity === who)
    .map(({ text }) => text.trim());

const heardInHistory = () =>
  agent.session.history
    .flatMap((item) => (item.type === 'assistant' ? [item.text.trim()] : []))
    .filter((text) => text !== '');

test('a reply that was interrupted by voice shows what was heard, in the words of the history', async () => {
  const long = Array.from({ length: 40 }, (_, i) => `w${i}`).join(' '); // 12 s
  let count = 0;
  await start({
    answer: () => ({ text: ++count === 1 ? long : 'all right then', firstTokenMs: 0, durationMs: 0 }),
    options: { endpointing: { minDelayMs: 500 }, interruption: { minDurationMs: 200 } },
  });
  await page.until("seen.states.at(-1) === 'listening'");
  await page.say('Tell me all about it.');
  await page.until("Object.values(seen.transcripts).some(({ text }) => text.includes('w2'))");
  await page.say('Stop it now please.');
  const isShown =
    "Object.values(seen.transcripts).some(({ text, isFinal }) => text.includes('all right then') && isFinal)";
  await page.until(isShown, 40_000);
  await page.until("seen.states.at(-1) === 'listening'");
  const seen = await shown();
  const [cut, second] = heardInHistory();
  expect(long.startsWith(cut ?? '-')).toBe(true);
  expect(cut).not.toBe(long);
  expect(saidBy(seen, 'agent')).toEqual([cut, second]);
  const older = async () => Object.values((await shown()).older).map((text) => text.trim());
  await vi.waitFor(async () => expect(await older()).toEqual([cut, second]), 10_000); // comes on a way of its own
  expect(saidBy(seen, 'user')).toEqual(['hello', 'hello']);
  expect(Object.values(seen.transcripts).every(({ isFinal }) => isFinal)).toBe(true);
  expect(seen.states.filter((state) => state !== 'initializing').slice(0, 4)).toEqual([
    'listening',
    'thinking',
    'speaking',
    'listening',
  ]);
  expect(page.errors).toEqual([]);
  expect(agent.problems).toEqual([]);
}, 90_000);

test('what is typed into the chat is answered once; hanging up in mid-answer leaves the page without an error', async () => {
  const long = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' ');
  await start({ answer: () => ({ text: long, firstTokenMs: 0, durationMs: 0 }) });
  await page.until("seen.states.at(-1) === 'listening'");
  await page.run("say('what about the weather?')");
  await page.until("Object.values(seen.transcripts).some(({ text }) => text.includes('w3'))");
  expect(agent.session.history.filter(({ type }) => type === 'user')).toMatchObject([
    { text: 'what about the weather?' },
  ]);
  await page.run('room.disconnect()');
  await expect(agent.session.whenStopped).resolves.toMatchObject({ reason: 'the user left' });
  await page.until('seen.left !== null');
  expect(page.errors).toEqual([]);
}, 60_000);
