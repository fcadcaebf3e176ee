// Our side: a worker whose providers take no time. It answers a tone with a tone of the same number.
import { Agent, type Llm, type Stt, type Tts, type Vad } from 'livekitex-agent';
import { defineWorker } from 'livekitex-agent/worker';
import { LevelDetector } from './level-detector.ts';
import { ANSWER_MS, HEARD_RATE_HZ, INTERRUPTION_MS, PIECE_MS, VOICE_RATE_HZ } from './script.ts';
import { ToneMeter, toneOf } from './tones.ts';

const vad: Vad = {
  label: 'level',
  open: ({ originMs, report }) => {
    const detector = new LevelDetector(HEARD_RATE_HZ, (edge) => {
      switch (edge.type) {
        case 'started':
          return report({ type: 'started', startedAtMs: originMs + edge.fromMs });
        case 'sustained':
          return report({ type: 'sustained', atMs: originMs + edge.atMs });
        case 'ended':
          return report({ type: 'ended', lastVoiceAtMs: originMs + edge.lastVoiceMs });
      }
    });
    return { write: ({ samples }) => detector.write(samples), close: () => {} };
  },
};

/** Reads the number of the tone and answers inside `end`. */
const stt: Stt = {
  label: 'tone reader',
  capabilities: { partials: false, languages: ['*'] },
  open: ({ report }) => {
    const meter = new ToneMeter();
    return {
      begin: () => meter.reset(),
      write: ({ samples }) => meter.write(samples),
      end: (utterance) => report({ type: 'final', utterance, text: `tone ${meter.code(HEARD_RATE_HZ)}` }),
      discard: () => {},
      close: () => {},
    };
  },
};

const llm: Llm = {
  label: 'echo',
  async *chat({ messages }) {
    yield { type: 'text', text: messages.at(-1)?.content ?? '' };
  },
};

/** Speaks inside `flush`. */
const tts: Tts = {
  label: 'tones',
  capabilities: { sampleRateHz: VOICE_RATE_HZ, streaming: false },
  open: ({ report }) => {
    let text = '';
    return {
      write: (piece) => {
        text += piece;
      },
      flush: () => {
        const all = toneOf(Number(/\d+/.exec(text)?.[0]), ANSWER_MS, VOICE_RATE_HZ);
        const length = (VOICE_RATE_HZ * PIECE_MS) / 1000;
        for (let at = 0; at < all.length; at += length) {
          const samples = all.subarray(at, at + length);
          report({ type: 'audio', frame: { samples, sampleRateHz: VOICE_RATE_HZ, channels: 1 } });
        }
        report({ type: 'mark', chars: text.length });
        report({ type: 'done' });
      },
      close: () => {},
    };
  },
};

export default defineWorker({
  agentName: 'bench',
  maxJobs: 20,
  entry: (job) => job.startSession({ agent: new Agent({ instructions: 'Echo.' }) }),
  runtime: {
    providers: {
      vad,
      stt,
      llm,
      tts,
      turnDetector: null,
    },
    session: {
      endpointing: { minDelayMs: 0, maxDelayMs: 0 },
      interruption: { minDurationMs: INTERRUPTION_MS },
    },
  },
});
