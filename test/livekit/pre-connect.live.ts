import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import { speakToPcm } from '../../src/providers/local/speak-to-pcm.ts';
import { Agent } from '../../src/runtime/agent.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { defineWorker } from '../../src/worker/define-worker.ts';
import { WorkerManager } from '../../src/worker/worker-manager.ts';
import { dispatchClient } from './api-clients.ts';
import { type BrowserUser, browserUser } from './browser-user.ts';
import { ANSWER, type LiveAgent, prepareAgent } from './call.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

const access = inject('livekit');
let agent: LiveAgent | null = null;
let page: BrowserUser;
afterEach(async () => {
  await agent?.end();
  agent = null;
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

/** Resolves with all words when these are among them and an answer has come. */
async function untilHeard(live: LiveAgent, words: string): Promise<string> {
  await vi.waitFor(() => expect(wordsOf(live)).toContain(words), 40_000);
  await page.until(
    "Object.values(seen.transcripts).some((entry) => entry.identity === 'agent' && entry.isFinal)",
    40_000,
  );
  return wordsOf(live);
}

test('what a person with a browser says before the agent comes is understood and answered, each word once', async () => {
  agent = await prepareAgent({ providers: {}, options: { endpointing: { minDelayMs: 300 } } });
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  page = await browserUser(access.url, token, { preConnectBuffer: true });
  await page.say([{ pauseMs: 300 }, 'Hello there, good morning.']);
  await agent.session.start();
  const words = await untilHeard(agent, 'good morning');
  expect(words.match(/morning/g)).toHaveLength(1);
  expect(agent.problems).toEqual([]);
  expect(page.errors).toEqual([]);
}, 120_000);

test('a sentence that is being said while the agent comes is heard from its first word to its last', async () => {
  agent = await prepareAgent({ providers: {}, options: { endpointing: { minDelayMs: 500 } } });
  const token = await tokenFor(access, { identity: 'user', room: agent.room });
  page = await browserUser(access.url, token, { preConnectBuffer: true });
  const before = [{ pauseMs: 300 }, 'Please tell me the weather in London,'];
  // The client loses up to 100 ms of its recording where the live audio takes over: somewhere in here.
  const meanwhile =
    'today and tomorrow, and on all the days of the week after that, in the morning, and in the evening,';
  const isSaid = page.say([...before, meanwhile, 'and the time in Paris, and in Berlin, and in New York.']);
  const beforeMs = (await speakToPcm(before)).length * 20;
  await page.until(`saidMs() > ${beforeMs}`);
  await agent.session.start();
  await isSaid;
  const words = await untilHeard(agent, 'new york');
  for (const word of ['please', 'london', 'paris', 'berlin', 'york'])
    expect(words.match(new RegExp(word, 'g')), `${word} in "${words}"`).toHaveLength(1);
  expect(agent.problems).toEqual([]);
}, 120_000);

test('a job that is dispatched after the user has spoken hears it, by default', async () => {
  const name = `late-${process.pid}`;
  const definition = defineWorker({
    agentName: name,
    entry: (job) => job.startSession({ agent: new Agent({ instructions: 'Answer.' }) }),
    runtime: {
      providers: toneProviders(() => ({ text: ANSWER, firstTokenMs: 0, durationMs: 0 })),
      session: { endpointing: { minDelayMs: 0 } },
    },
  });
  const manager = new WorkerManager(definition, { ...access, cpu: () => 0 });
  await manager.start();
  await manager.available();
  try {
    const token = await tokenFor(access, { identity: 'user', room: name });
    page = await browserUser(access.url, token, { preConnectBuffer: true });
    await page.say([{ pauseMs: 300 }, 'Hello there.']);
    await dispatchClient(access).createDispatch(name, name);
    const said = "Object.values(seen.transcripts).some(({ text, isFinal }) => isFinal && text.includes('one two'))";
    const seen = await page.until(said, 20_000);
    expect(Object.values(seen.transcripts).filter(({ identity }) => identity === 'user')).toMatchObject([
      { text: 'hello', isFinal: true },
    ]);
  } finally {
    await manager.stop();
  }
}, 60_000);
