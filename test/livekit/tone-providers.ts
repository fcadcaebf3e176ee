// Providers without models, in real time: every utterance is "hello", every word of an answer is 300 ms of a sine.
import { SimpleEnergyVad } from '../../src/audio/energy-vad.ts';
import { realClock } from '../../src/clock.ts';
import type { Stt } from '../../src/providers/stt.ts';
import type { Tts } from '../../src/providers/tts.ts';
import { type ScriptedAnswer, ScriptedLlm } from '../../src/testing/scripted-llm.ts';

const RATE = 24_000;
export const WORD_MS = 300;

export function toneProviders(answer: (text: string) => ScriptedAnswer) {
  return {
    vad: new SimpleEnergyVad({ minSpeechDurationMs: 100, maxSilenceDurationMs: 300 }),
    stt: helloStt,
    tts: toneTts,
    llm: new ScriptedLlm({ clock: realClock, otherwise: answer }),
    turnDetector: null,
  };
}

const helloStt: Stt = {
  label: 'hello',
  capabilities: { partials: true, languages: ['*'] },
  open: ({ report, signal }) => ({
    begin: () => {},
    write: () => {},
    end: (utterance) => {
      report({ type: 'partial', utterance, text: 'hel' });
      setTimeout(() => signal.aborted || report({ type: 'final', utterance, text: 'hello' }), 50);
    },
    discard: () => {},
    close: () => {},
  }),
};

const toneTts: Tts = {
  label: 'tone',
  capabilities: { sampleRateHz: RATE, streaming: false },
  open: ({ report }) => {
    let text = '';
    return {
      write: (piece) => {
        text += piece;
      },
      flush: () => {
        let chars = 0;
        let at = 0;
        for (const word of text.split(/(?<=\s)/u)) {
          const samples = new Int16Array((RATE * WORD_MS) / 1000);
          for (let i = 0; i < samples.length; i++, at++) samples[i] = Math.sin((2 * Math.PI * 440 * at) / RATE) * 8_000;
          chars += word.length;
          report({ type: 'audio', frame: { samples, sampleRateHz: RATE, channels: 1 } });
          report({ type: 'mark', chars });
        }
        report({ type: 'done' });
      },
      close: () => {},
    };
  },
};
