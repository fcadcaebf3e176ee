import { describe, test } from 'vitest';
import {
  llmConformance,
  ScriptedLlm,
  ScriptedStt,
  ScriptedTts,
  ScriptedVad,
  SpokenScript,
  sttConformance,
  ttsConformance,
  VirtualClock,
  vadConformance,
} from '../../src/testing/index.ts';

const clock = new VirtualClock();
const setting = { clock, settle: () => clock.advance(50), maxSettles: 40 };

/** One line, as its samples carry it. */
const script = new SpokenScript();
const code = script.add({ text: 'good morning', durationMs: 1_000, sttDelayMs: 200 });
const { samples: speech } = script.frame(code, 0, 16_000);

describe('the scripted recogniser keeps the contract', () => {
  for (const { rule, run } of sttConformance(() => new ScriptedStt(script), { ...setting, speech })) test(rule, run);
});

describe('the scripted voice keeps the contract', () => {
  for (const { rule, run } of ttsConformance(() => new ScriptedTts(), setting)) test(rule, run);
});

describe('the scripted detector keeps the contract', () => {
  for (const { rule, run } of vadConformance(() => new ScriptedVad(), { ...setting, speech })) test(rule, run);
});

describe('the scripted model keeps the contract', () => {
  const make = () =>
    new ScriptedLlm({
      clock,
      answers: {
        'What is the weather in Paris?': { calls: [{ name: 'get_weather', arguments: '{"location":"Paris"}' }] },
      },
      otherwise: (text) => ({ text: `You said ${text.slice(0, 20)}.`, firstTokenMs: 10, durationMs: 20 }),
    });
  for (const { rule, run } of llmConformance(make, setting)) test(rule, run);
});
