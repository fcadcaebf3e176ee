import { describe, expect, test } from 'vitest';
import { sttOnFirstAudio, vadOnFirstAudio } from '../../../src/providers/local/on-first-audio.ts';
import {
  ScriptedStt,
  ScriptedVad,
  SpokenScript,
  sttConformance,
  VirtualClock,
  vadConformance,
} from '../../../src/testing/index.ts';

const clock = new VirtualClock();
const setting = { clock, settle: () => clock.advance(50), maxSettles: 40 };
const script = new SpokenScript();
const code = script.add({ text: 'good morning', durationMs: 1_000, sttDelayMs: 200 });
const { samples: speech } = script.frame(code, 0, 16_000);
const frame = { samples: speech.slice(0, 320), sampleRateHz: 16_000, channels: 1 };
const hooks = { clock, report: () => {}, fail: () => {} };

describe('a detector that opens at the first frame keeps the contract', () => {
  const make = () => vadOnFirstAudio(new ScriptedVad(), () => {});
  for (const { rule, run } of vadConformance(make, { ...setting, speech })) test(rule, run);
});

describe('a recogniser that opens at the first utterance keeps the contract', () => {
  const make = () => sttOnFirstAudio(new ScriptedStt(script));
  for (const { rule, run } of sttConformance(make, { ...setting, speech })) test(rule, run);
});

test('neither is opened before there is audio, and each once', () => {
  const opened: string[] = [];
  const inner = { vad: new ScriptedVad(), stt: new ScriptedStt(script) };
  const vad = vadOnFirstAudio(
    {
      label: 'vad',
      open: (options) => {
        opened.push('vad');
        return inner.vad.open(options);
      },
    },
    () => opened.push('first frame'),
  );
  const stt = sttOnFirstAudio({
    ...inner.stt,
    label: 'stt',
    capabilities: inner.stt.capabilities,
    open: (options) => {
      opened.push('stt');
      return inner.stt.open(options);
    },
  });
  const { signal } = new AbortController();
  const listening = vad.open({ ...hooks, signal, originMs: 0, speaking: false, sustainedAfterMs: 500 });
  const writing = stt.open({ ...hooks, signal });
  writing.end(1);
  writing.discard(1);
  expect(opened).toEqual([]);
  listening.write(frame);
  listening.write(frame);
  expect(opened).toEqual(['first frame', 'vad']);
  writing.begin(1);
  writing.begin(2);
  expect(opened).toEqual(['first frame', 'vad', 'stt']);
});

test('a stream that was closed before any audio never opens', () => {
  const never = () => {
    throw new Error('opened');
  };
  const vad = vadOnFirstAudio({ label: 'vad', open: never }, never);
  const { signal } = new AbortController();
  const stream = vad.open({ ...hooks, signal, originMs: 0, speaking: false, sustainedAfterMs: 500 });
  stream.close();
  stream.write(frame);
});
