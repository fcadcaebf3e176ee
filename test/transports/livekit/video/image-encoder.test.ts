// The real thread and the real encoder: what comes out is read again by a decoder that knows nothing of them.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import decode, { init } from '@jsquash/jpeg/decode.js';
import { beforeAll, expect, test, vi } from 'vitest';
import { realClock } from '../../../../src/clock.ts';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { openImageEncoder } from '../../../../src/transports/livekit/video/image-encoder.ts';
import { type YuvFrame, yuvLength } from '../../../../src/transports/livekit/video/yuv.ts';

// Threads that start while every core is taken.
vi.setConfig({ testTimeout: 30_000 });

beforeAll(async () => {
  const code = await readFile(new URL(import.meta.resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm')));
  await init(await WebAssembly.compile(code));
});

/** All of one colour. */
function frameOf([y, u, v]: readonly [number, number, number], widthPx = 640, heightPx = 360): YuvFrame {
  const data = new Uint8Array(yuvLength(widthPx, heightPx)).fill(y);
  const chroma = (data.length - widthPx * heightPx) / 2;
  data.fill(u, widthPx * heightPx, widthPx * heightPx + chroma).fill(v, widthPx * heightPx + chroma);
  return { data, widthPx, heightPx, rotationDegrees: 0 };
}

const RED = [81, 90, 240] as const;
const OPTIONS = { longestSidePx: 320, quality: 75 };

test('a frame becomes a JPEG of the size asked for, in its colour', async () => {
  const encoder = openImageEncoder(realClock);
  const { data, widthPx, heightPx } = await encoder.encode(frameOf(RED), OPTIONS);
  encoder.close();
  expect([widthPx, heightPx, data[0], data[1]]).toEqual([320, 180, 0xff, 0xd8]);
  const image = await decode(data.buffer as ArrayBuffer); // the answer of a thread is never shared memory
  const at = 4 * (90 * 320 + 160);
  const [r = 0, g = 255, b = 255] = image.data.slice(at, at + 3);
  expect([image.width, image.height, r > 245, g < 15, b < 15]).toEqual([320, 180, true, true, true]);
});

test('several are made one after the other; the last user to close ends the thread, and the next one starts another', async () => {
  const [first, second] = [openImageEncoder(realClock), openImageEncoder(realClock)];
  const made = await Promise.all([first.encode(frameOf(RED), OPTIONS), second.encode(frameOf(RED, 64, 64), OPTIONS)]);
  expect(made.map(({ widthPx }) => widthPx)).toEqual([320, 64]);
  first.close();
  first.close();
  expect((await second.encode(frameOf(RED), OPTIONS)).widthPx).toBe(320);
  const late = second.encode(frameOf(RED), OPTIONS);
  second.close();
  await expect(late).rejects.toMatchObject({ code: 'ERR_VIDEO' });
  const third = openImageEncoder(realClock);
  expect((await third.encode(frameOf(RED), OPTIONS)).widthPx).toBe(320);
  third.close();
});

test('an encoder that nobody closed does not keep the process', async () => {
  const file = fileURLToPath(new URL('../encoder-process.ts', import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: 'ignore', timeout: 20_000 });
  expect(await new Promise((resolve) => child.once('exit', (code) => resolve(code)))).toBe(0);
});

test('a frame that breaks the encoder is told, and the next one is made', async () => {
  const encoder = openImageEncoder(realClock);
  const broken = { ...frameOf(RED), widthPx: 2 ** 31, heightPx: 2 ** 31 };
  await expect(encoder.encode(broken, { ...OPTIONS, longestSidePx: 2 ** 31 })).rejects.toMatchObject({
    code: 'ERR_VIDEO',
  });
  expect((await encoder.encode(frameOf(RED), OPTIONS)).widthPx).toBe(320);
  encoder.close();
});

test('an image that is not ready in time is given up', async () => {
  const clock = new VirtualClock();
  const encoder = openImageEncoder(clock);
  const made = encoder.encode(frameOf(RED, 4_000, 4_000), { longestSidePx: 4_000, quality: 75 });
  made.catch(() => {});
  await clock.advance(10_000);
  await expect(made).rejects.toMatchObject({ code: 'ERR_VIDEO', message: expect.stringContaining('in time') });
  encoder.close();
});
