import { readFile } from 'node:fs/promises';
import decode, { init } from '@jsquash/jpeg/decode.js';
import { TrackSource } from '@livekit/rtc-node';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { realClock } from '../../src/clock.ts';
import type { ChatImage, ChatRequest } from '../../src/providers/llm.ts';
import type { SessionOptionsInput } from '../../src/runtime/session-options.ts';
import { ScriptedLlm } from '../../src/testing/scripted-llm.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { roomClient } from './api-clients.ts';
import { type LiveCall, startLiveCall, toldOf } from './call.ts';
import { isFinalOf } from './reports.ts';
import type { Show } from './shown-video.ts';
import { toneProviders } from './tone-providers.ts';

const RED: Show = { source: 'camera', rgb: [220, 30, 30], widthPx: 1_280, heightPx: 720, fps: 15 };
const GREEN: Show = { ...RED, rgb: [30, 200, 60], widthPx: 640, heightPx: 480 };
const BLUE: Show = { ...RED, source: 'screen', rgb: [40, 60, 220] };

let call: LiveCall;
let llm: ScriptedLlm;

beforeAll(async () => {
  const code = await readFile(new URL(import.meta.resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm')));
  await init(await WebAssembly.compile(code));
});
afterEach(() => call.end());
afterAll(() => disposeLivekit());

async function start(video: SessionOptionsInput['video'], seesImages = true): Promise<void> {
  llm = new ScriptedLlm({ clock: realClock, seesImages, otherwise: () => ({ text: 'I see.', firstTokenMs: 0 }) });
  const providers = { ...toneProviders(() => ({})), llm };
  call = await startLiveCall({ providers, ...(video && { options: { video } }) });
}

const imagesIn = (request: ChatRequest | undefined): readonly ChatImage[] =>
  request?.messages.flatMap((message) => (message.role === 'user' ? (message.images ?? []) : [])) ?? [];

const received = () => call.log.flatMap(({ name, event }) => (name === 'video_received' ? [event] : []));

async function untilReceived(count: number): Promise<void> {
  while (received().length < count)
    await new Promise<void>((resolve) => {
      const stop = call.session.on('video_received', () => {
        stop();
        resolve();
      });
    });
}

/** Types a question and gives the images that the model got with it. */
async function ask(text: string): Promise<readonly ChatImage[]> {
  const from = call.user.reports.length;
  call.user.send({ type: 'type', text });
  await call.user.until(isFinalOf('agent'), { from, what: 'the answer' });
  return imagesIn(llm.requests.at(-1));
}

async function colourOf(image: ChatImage | undefined): Promise<number[]> {
  if (image === undefined) throw new Error('there is no image');
  const { data, width, height } = await decode(image.data.slice().buffer);
  expect([width, height]).toEqual([image.widthPx, image.heightPx]);
  const at = 4 * (Math.floor(height / 2) * width + Math.floor(width / 2));
  return [...data.slice(at, at + 3)];
}

async function expectColour(image: ChatImage | undefined, { rgb }: Show): Promise<void> {
  const colour = await colourOf(image);
  for (const [index, value] of rgb.entries()) expect(Math.abs((colour[index] ?? 0) - value)).toBeLessThan(25);
}

/** WebRTC sends less than was shown while it gets to know the network; the shape is kept. */
function expectShape(image: ChatImage | undefined, { widthPx, heightPx }: Show): void {
  const { widthPx: width = 0, heightPx: height = 0 } = image ?? {};
  expect(width).toBeLessThanOrEqual(1_024);
  expect(width / height).toBeCloseTo(widthPx / heightPx, 1);
}

test('the model gets what the camera shows, in its colours and made smaller; a switched camera too', async () => {
  await start({ silentFps: 2, speakingFps: 2 });
  call.user.send({ type: 'show', ...RED });
  await untilReceived(3);
  const [red, ...none] = await ask('What is this?');
  expect(none).toEqual([]);
  expect(red).toMatchObject({ source: 'camera', mimeType: 'image/jpeg' });
  expectShape(red, RED);
  await expectColour(red, RED);
  const [hidden, switched] = [toldOf(call, 'trackUnpublished'), toldOf(call, 'trackSubscribed')];
  call.user.send({ type: 'hide', source: 'camera' });
  call.user.send({ type: 'show', ...GREEN });
  await Promise.all([hidden, switched]);
  const before = received().length;
  await untilReceived(before + 3);
  const [green] = await ask('And this?');
  expectShape(green, GREEN);
  await expectColour(green, GREEN);
  const gone = toldOf(call, 'trackUnpublished');
  call.user.send({ type: 'hide', source: 'camera' });
  await gone;
  expect(await ask('And now?')).toEqual([]);
  expect(call.problems).toEqual([]);
});

test('a camera that is muted shows nothing', async () => {
  await start({ silentFps: 5 });
  call.user.send({ type: 'show', ...RED });
  await untilReceived(1);
  const camera = [...(call.transport.connection?.user?.trackPublications.values() ?? [])].find(
    ({ source }) => source === TrackSource.SOURCE_CAMERA,
  );
  const muted = toldOf(call, 'trackMuted');
  await roomClient(inject('livekit')).mutePublishedTrack(call.room, 'user', camera?.sid ?? '', true);
  await muted;
  expect(await ask('What is this?')).toEqual([]);
});

test('more is seen while the user speaks than while the user is quiet', async () => {
  await start({ silentFps: 0.2, speakingFps: 5 });
  call.user.send({ type: 'show', ...RED });
  await untilReceived(1);
  const quiet = received().length;
  const said = call.user.reports.length;
  const atMs = performance.now();
  call.user.send({ type: 'speak', durationMs: 10_000, hz: 700 });
  await untilReceived(quiet + 5);
  // At the rate of silence this takes 20 s; where the machine is busy it takes longer than the one second it should.
  expect(call.user.reports.slice(said).filter(({ type }) => type === 'said')).toEqual([]);
  const from = received().length;
  await call.user.until(({ type }) => type === 'said', { from: said, limitMs: 20_000, what: 'the end of the tone' });
  const tookS = (performance.now() - atMs) / 1_000;
  expect(received().length - quiet).toBeLessThanOrEqual(5 * tookS + 3);
  expect(received().length).toBeGreaterThan(from);
});

test('a shared screen is seen beside the camera when it was asked for', async () => {
  await start({ screen: true, silentFps: 2 });
  // Small and slow: two videos are much for a machine that carries all sides of the call.
  const size = { widthPx: 640, heightPx: 360, fps: 5 };
  call.user.send({ type: 'show', ...RED, ...size });
  call.user.send({ type: 'show', ...BLUE, ...size });
  while (new Set(received().map((event) => (event as { source: string }).source)).size < 2)
    await untilReceived(received().length + 1);
  const images = await ask('What do you see?');
  expect(images.map(({ source }) => source).sort()).toEqual(['camera', 'screen']);
  await expectColour(
    images.find(({ source }) => source === 'camera'),
    RED,
  );
  await expectColour(
    images.find(({ source }) => source === 'screen'),
    BLUE,
  );
});

test('no video is subscribed where none was asked for', async () => {
  await start(undefined);
  const published = toldOf(call, 'trackPublished');
  call.user.send({ type: 'show', ...RED });
  await published;
  expect(await ask('What is this?')).toEqual([]);
  const publications = [...(call.transport.connection?.user?.trackPublications.values() ?? [])];
  expect(publications.map(({ track }) => track !== undefined).sort()).toEqual([false, true]);
});

test('a model that takes no images is told of once, and the call goes on', async () => {
  await start({ silentFps: 5 }, false);
  call.user.send({ type: 'show', ...RED });
  expect(await ask('What is this?')).toEqual([]);
  const errors = call.log.flatMap(({ name, event }) => (name === 'session_error' ? [event] : []));
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_VIDEO', part: 'video' })]);
  expect(received()).toEqual([]);
});
