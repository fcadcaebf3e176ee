// A person with a browser: headless Chromium, the official client library, a microphone that says what the test wants.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { FrameConverter } from '../../src/audio/frame-converter.ts';
import { writeWav } from '../../src/audio/wav-writer.ts';
import { speakToPcm, type Utterance } from '../../src/providers/local/speak-to-pcm.ts';

/** What the page saw; the same object lives in the page. */
export interface Seen {
  readonly states: readonly string[];
  readonly transcripts: Readonly<
    Record<string, { readonly identity: string; readonly text: string; readonly isFinal: boolean }>
  >;
  readonly loudest: number;
  /** What the agent says is measured from now on. */
  readonly isListening: boolean;
  readonly isLoud: boolean;
  /** By the clock of the sound itself. */
  readonly sounds: readonly { readonly on: boolean; readonly atMs: number }[];
  readonly left: number | string | null;
}

export interface BrowserUser {
  /** What the page threw or logged as an error. */
  readonly errors: readonly string[];
  seen(): Promise<Seen>;
  /** Waits for an expression over `seen`, in the page. */
  until(expression: string, limitMs?: number): Promise<Seen>;
  /** In a synthetic voice through the microphone, which is silent otherwise. Resolves when the last of it was said. */
  say(utterance: string | Utterance): Promise<void>;
  /** Runs in the page. */
  run(expression: string): Promise<unknown>;
  end(): Promise<void>;
}

export interface BrowserUserOptions {
  /** The client records from the beginning, and sends the record to the first agent that comes. Default false. */
  readonly preConnectBuffer?: boolean;
  /** What the microphone says, over and over from when it is opened: a WAV file that Chromium itself captures. Default: what `say` is given. */
  readonly wav?: Utterance;
  /** `components`: what the page shows goes through the library of the official front ends. Default: the client library alone. */
  readonly page?: 'plain' | 'components';
}

const RATE = 48_000;

/** The browser of the machine. Debian and Ubuntu call it chromium. */
function browserPath(): string {
  const places = [
    process.env.CHROMIUM_PATH ?? '',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  const found = places.find((path) => path !== '' && existsSync(path));
  if (found === undefined) throw new Error('no Chromium: install the package chromium, or set CHROMIUM_PATH');
  return found;
}

type Page = readonly [html: string | Buffer, script: string | Buffer];

function plainPage(): Page {
  const client = createRequire(import.meta.url).resolve('livekit-client'); // the UMD build
  return [readFileSync(new URL('./browser-page.html', import.meta.url)), readFileSync(client)];
}

async function componentsPage(): Promise<Page> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('./front-end.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'iife', codeSplitting: false });
  await bundle.close();
  return ['<!doctype html><title>call</title><body><script src="/front-end.js"></script>', output[0].code];
}

/** Run before the scripts of the page: its microphone plays what `play` is given, 16-bit samples in base64. */
const MICROPHONE = `{
  const audio = new AudioContext({ sampleRate: ${RATE} });
  const microphone = audio.createMediaStreamDestination();
  const silence = new ConstantSourceNode(audio, { offset: 0 }); // a microphone never stops to deliver
  silence.connect(microphone);
  silence.start();
  navigator.mediaDevices.getUserMedia = async () => {
    await audio.resume();
    return microphone.stream.clone();
  };
  let begunS = Infinity;
  window.saidMs = () => (audio.currentTime - begunS) * 1000; // of what is being said
  window.play = (base64) => new Promise((resolve) => {
    const samples = new Int16Array(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);
    const buffer = audio.createBuffer(1, samples.length, ${RATE});
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32_768), 0);
    const source = new AudioBufferSourceNode(audio, { buffer });
    source.connect(microphone);
    source.onended = resolve;
    source.start();
    begunS = audio.currentTime;
  });
}`;

async function spoken(utterance: string | Utterance): Promise<Int16Array> {
  const converter = new FrameConverter({ sampleRateHz: RATE });
  const frames = (await speakToPcm(utterance)).map((frame) => converter.convert(frame).samples);
  return Int16Array.from(frames.flatMap((samples) => [...samples]));
}

export async function browserUser(
  url: string,
  token: string,
  { page: kind = 'plain', wav, ...capture }: BrowserUserOptions = {},
): Promise<BrowserUser> {
  const [page, script] = kind === 'plain' ? plainPage() : await componentsPage();
  const server = createServer(({ url: path }, response) => {
    const isScript = path?.endsWith('.js') === true;
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html').end(isScript ? script : page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const folder = await mkdtemp(join(tmpdir(), 'livekitex-browser-'));
  const microphone = join(folder, 'microphone.wav');
  if (wav !== undefined)
    await writeFile(microphone, writeWav({ samples: await spoken(wav), sampleRateHz: RATE, channels: 1 }));
  const browser = await chromium.launch({
    executablePath: browserPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${microphone}`,
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on('pageerror', (error) => errors.push(String(error)));
  if (wav === undefined) await tab.addInitScript(MICROPHONE);
  await tab.goto(`http://127.0.0.1:${port}/`);
  await tab.evaluate(`join(${[url, token, capture].map((value) => JSON.stringify(value)).join(', ')})`);
  const seen = async () => (await tab.evaluate('seen')) as Seen; // made by the page
  return {
    errors,
    seen,
    until: async (expression, limitMs = 20_000) => {
      try {
        await tab.waitForFunction(expression, undefined, { timeout: limitMs, polling: 50 });
      } catch {
        throw new Error(`the page did not see ${expression}: ${JSON.stringify(await seen())}`);
      }
      return seen();
    },
    say: async (utterance) => {
      const base64 = Buffer.from((await spoken(utterance)).buffer).toString('base64');
      await tab.evaluate(`play('${base64}')`);
    },
    run: (expression) => tab.evaluate(expression),
    end: async () => {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
