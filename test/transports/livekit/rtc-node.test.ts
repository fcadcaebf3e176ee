// The native side of rtc-node without a room: each rule that the adapter relies on or guards against.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { AudioFrame, AudioSource, AudioStream, LocalAudioTrack, VideoBufferType, VideoFrame } from '@livekit/rtc-node';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AudioFrame as Frame } from '../../../src/audio/frame.ts';
import { realClock } from '../../../src/clock.ts';
import { disposeLivekit } from '../../../src/transports/livekit/index.ts';
import { readMicrophone } from '../../../src/transports/livekit/room/microphone.ts';
import { RoomSpeaker, SOURCE_QUEUE_MS } from '../../../src/transports/livekit/room/room-speaker.ts';
import { loadRtc } from '../../../src/transports/livekit/rtc.ts';
import { toRgba, yuvLength } from '../../../src/transports/livekit/video/yuv.ts';

const RATE = 24_000;
afterAll(() => disposeLivekit());

const frameOf = (samples: number, value = 1_000) =>
  new AudioFrame(new Int16Array(samples).fill(value), RATE, 1, samples);

/** A source, the track over it, and everything that is heard from the track. */
async function loop() {
  const rtc = await loadRtc();
  const source = new rtc.AudioSource(RATE, 1, SOURCE_QUEUE_MS);
  const track = rtc.LocalAudioTrack.createAudioTrack('t', source);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const stop = readMicrophone({
    rtc,
    track,
    onFrame: (frame) => {
      frames.push(frame);
      for (const look of [...waiting]) look();
    },
    onError: () => {},
  });
  const refusals: unknown[] = [];
  const onRefused = (error: unknown) => refusals.push(error);
  const speaker = new RoomSpeaker({ rtc, source, clock: realClock, sampleRateHz: RATE, onRefused });
  const samples = () => frames.flatMap((frame) => [...frame.samples]);
  const until = (fits: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!fits()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const end = async () => {
    stop();
    speaker.close();
    await track.close(true);
  };
  return { rtc, source, speaker, refusals, frames, samples, until, end };
}

describe('the source', () => {
  test('refuses captures beside each other, which is why there is one pump', async () => {
    const source = new AudioSource(RATE, 1, SOURCE_QUEUE_MS);
    // 200 ms each: four seconds would have to pass for half of them to find room.
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => source.captureFrame(frameOf(4_800))));
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(20);
    await source.close();
  });

  test('throws when it is cleared after it was closed, which is why a closed speaker leaves it alone', async () => {
    const source = new AudioSource(RATE, 1, SOURCE_QUEUE_MS);
    await source.close();
    await source.close();
    expect(() => source.clearQueue()).toThrow();
    await expect(source.captureFrame(frameOf(480))).rejects.toThrow();
  });

  test('refuses a frame of another rate without harm', async () => {
    const source = new AudioSource(RATE, 1, SOURCE_QUEUE_MS);
    await expect(source.captureFrame(new AudioFrame(new Int16Array(480), 48_000, 1, 480))).rejects.toThrow();
    await source.captureFrame(frameOf(480));
    await source.close();
  });
});

describe('the library as it is', () => {
  test('reads a frame from the start of its buffer, which is why every piece has a buffer of its own', () => {
    const pool = new Int16Array(960).fill(111);
    pool.fill(222, 480);
    const info = new AudioFrame(pool.subarray(480), RATE, 1, 480).protoInfo();
    const own = new AudioFrame(new Int16Array(pool.subarray(480)), RATE, 1, 480).protoInfo();
    const whole = new AudioFrame(pool, RATE, 1, 480).protoInfo();
    expect(info.dataPtr).toBe(whole.dataPtr); // the view's own offset is lost
    expect(own.dataPtr).not.toBe(whole.dataPtr);
  });

  test('grows an unread stream without bound, which is why a stream is always read', async () => {
    const { rtc, source, frames, end } = await loop();
    const track = LocalAudioTrack.createAudioTrack('unread', source as AudioSource);
    const stream = new AudioStream(track, { sampleRate: 16_000, numChannels: 1, frameSizeMs: 10 });
    // Until another stream of the source was given 600 ms.
    while (frames.length < 30) await source.captureFrame(new rtc.AudioFrame(new Int16Array(2_400), RATE, 1, 2_400));
    const reader = stream.getReader();
    let queued = 0;
    // All that waits comes without a turn of the event loop; live frames come one each 10 ms.
    const turn = new Promise<void>((resolve) => setImmediate(resolve));
    let isOver = false;
    void turn.then(() => {
      isOver = true;
    });
    while (!isOver) {
      await Promise.race([reader.read(), turn]);
      if (!isOver) queued++;
    }
    expect(queued).toBeGreaterThan(15);
    await reader.cancel();
    await end();
  });

  test('keeps a process alive for ever, until it is disposed of', async () => {
    const run = (...args: string[]) => {
      const file = fileURLToPath(new URL('./rtc-process.ts', import.meta.url));
      const child = spawn(process.execPath, [file, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
      return { child, exited };
    };
    const kept = run();
    await new Promise((resolve) => kept.child.stderr.once('data', resolve)); // it is done
    const freed = run('dispose');
    expect(await freed.exited).toBe(0);
    // In the time in which this one began, did the same and ended, the other would have ended too.
    expect(kept.child.exitCode).toBeNull();
  });

  test('writes nothing to the output of the process, whatever NODE_ENV is', async () => {
    const file = fileURLToPath(new URL('./rtc-process.ts', import.meta.url));
    const { NODE_ENV: _, ...env } = process.env;
    const child = spawn(process.execPath, [file, 'connect'], { stdio: ['ignore', 'pipe', 'pipe'], env });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [written, told] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect([written, told]).toEqual(['', 'done\n']);
  });

  test('is refused in a second thread, where it would take the answers of the first', async () => {
    const worker = new Worker(new URL('./rtc-thread.ts', import.meta.url));
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(answer).toBe('ERR_TRANSPORT');
    await worker.terminate();
  });
});

describe('a frame of a video', () => {
  test('of another layout becomes I420 with the planes and colours that the encoder expects', () => {
    const [width, height] = [6, 4];
    const red = new Uint8Array(width * height * 4).map((_, index) => (index % 4 === 0 || index % 4 === 3 ? 255 : 0));
    const { I420, RGBA } = VideoBufferType;
    const { data, ...frame } = new VideoFrame(red, width, height, RGBA).convert(I420);
    expect(frame).toMatchObject({ width, height, type: I420 });
    expect(data.length).toBe(yuvLength(width, height));
    const image = toRgba({ data, widthPx: width, heightPx: height, rotationDegrees: 0 }, 100);
    const [r = 0, g = 255, b = 255] = image.data;
    expect([r > 245, g < 10, b < 10]).toEqual([true, true, true]);
  });
});

describe('the speaker on a native source', () => {
  test('is heard in order, from parts of one shared buffer', async () => {
    const { speaker, refusals, samples, until, end } = await loop();
    const pool = new Int16Array(RATE * 2).fill(1_000);
    pool.fill(3_000, RATE);
    for (let at = 0; at < pool.length; at += 480)
      speaker.write({ samples: pool.subarray(at, at + 480), sampleRateHz: RATE, channels: 1 });
    speaker.end();
    await until(() => samples().filter((sample) => Math.abs(sample - 3_000) < 50).length >= 2_000);
    const heard = samples();
    // An eighth of each: the library drops what waits longer than 100 ms for a process that is short of time.
    expect(heard.filter((sample) => Math.abs(sample - 1_000) < 50).length).toBeGreaterThan(2_000);
    const loud = heard.map((sample) => (sample > 2_000 ? 2 : sample > 500 ? 1 : 0)).filter((level) => level > 0);
    const edge = loud.indexOf(2);
    // But for the edge, where the resampler rings.
    expect(loud.slice(edge + 20, edge + 2_000).filter((level) => level === 1)).toEqual([]);
    expect(refusals).toEqual([]);
    await end();
  });

  test('is silent after a flush: at most a frame more is heard, and the next reply follows whole', async () => {
    const { speaker, refusals, until, frames, end } = await loop();
    const write = (ms: number, level: number) =>
      speaker.write({ samples: new Int16Array((RATE / 1000) * ms).fill(level), sampleRateHz: RATE, channels: 1 });
    let first = 0;
    /** Since the frame `first`, of voices louder than that. */
    const heardMs = (level: number) =>
      frames.slice(first).reduce((sum, frame) => sum + frame.samples.filter((sample) => sample > level).length, 0) / 16;
    const later = async (ms: number) => {
      const count = frames.length + ms / 20;
      await until(() => frames.length > count);
    };
    // A process that is short of time hears late, or misses what waited too long: what it measures then is measured again.
    let [played, before, position, lateMs] = [0, 0, 0, Number.POSITIVE_INFINITY];
    while (lateMs > 40) {
      await later(300);
      first = frames.length;
      const start = speaker.playedSamples();
      write(2_000, 1_000);
      await until(() => heardMs(500) > 150);
      speaker.flush();
      position = speaker.playedSamples();
      [played, before] = [(position - start) / 24, heardMs(500)];
      lateMs = played - before;
    }
    await later(300);
    const after = heardMs(500);
    // What the stream had on its way: two frames of 20 ms, and one of the source.
    expect(after - before).toBeLessThanOrEqual(60);
    expect(Math.abs(played - after)).toBeLessThan(80);
    expect(speaker.playedSamples()).toBe(position);
    const isWhole = () => heardMs(2_000) >= 194;
    while (!isWhole()) {
      first = frames.length;
      write(200, 3_000);
      speaker.end();
      await until(() => isWhole() || frames.length > first + 100);
    }
    expect(refusals).toEqual([]);
    await end();
  });
});
