// Who is slow is not broken: what a call waits for, and whose silence it is.
import { describe, expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import type { ChatChunk, Llm } from '../../src/providers/llm.ts';
import type { Tts, TtsOpenOptions } from '../../src/providers/tts.ts';
import { startTestCall, type TestCall } from '../../src/testing/index.ts';

const APOLOGY = 'I am sorry, I could not do that. Please try again.';
const MS_PER_CHAR = 50;

const said = ({ session }: TestCall) =>
  session.history.flatMap((item) => (item.type === 'assistant' ? [item.text] : []));
const errors = ({ log }: TestCall) =>
  log.flatMap(({ name, event }) => (name === 'session_error' ? [(event as { code: string }).code] : []));
const completedAtMs = ({ log }: TestCall) => log.find(({ name }) => name === 'turn_completed')?.atMs;
const heardMs = ({ user }: TestCall) => user.listen().reduce((sum, { durationMs }) => sum + durationMs, 0);

interface SpeakerOptions {
  /** A sentence it makes no audio of. */
  readonly swallows?: string;
  readonly saysDone?: boolean;
  readonly marks?: boolean;
}

/** A voice that speaks each sentence as soon as it is whole, and asks nobody whether it may. */
function sentenceVoice({
  swallows,
  saysDone = true,
  marks = true,
}: SpeakerOptions = {}): Tts & { readonly asked: string[] } {
  const asked: string[] = [];
  const open = ({ report }: TtsOpenOptions) => {
    let text = '';
    let from = 0;
    const speak = (to: number) => {
      const sentence = text.slice(from, to);
      from = to;
      if (sentence.trim() === '' || sentence.trim() === swallows) return;
      asked.push(sentence.trim());
      const samples = new Int16Array(sentence.trim().length * MS_PER_CHAR * 8).fill(7);
      report({ type: 'audio', frame: { samples, sampleRateHz: 8_000, channels: 1 } });
      if (marks) report({ type: 'mark', chars: to });
    };
    return {
      write: (piece: string) => {
        text += piece;
        for (let end = text.indexOf('. ', from); end >= 0; end = text.indexOf('. ', from)) speak(end + 2);
      },
      flush: () => {
        speak(text.length);
        if (saysDone) report({ type: 'done' });
      },
      close: () => {},
    };
  };
  return { label: 'sentences', capabilities: { sampleRateHz: 8_000, streaming: true }, asked, open };
}

/** A model that sends each piece at its time, in milliseconds since the request. */
function pausingModel(pieces: Readonly<Record<number, string>>, endsAtMs: number): (call: () => TestCall) => Llm {
  return (call) => ({
    label: 'pausing',
    async *chat({ signal }): AsyncGenerator<ChatChunk> {
      let nowMs = 0;
      for (const [atMs, text] of Object.entries(pieces)) {
        await sleep(call().clock, Number(atMs) - nowMs, signal);
        nowMs = Number(atMs);
        yield { type: 'text', text };
      }
      await sleep(call().clock, endsAtMs - nowMs, signal);
    },
  });
}

async function callWith(tts: Tts, model: (call: () => TestCall) => Llm, options = {}): Promise<TestCall> {
  let call: TestCall | undefined;
  const current = () => {
    if (call === undefined) throw new Error('no call yet');
    return call;
  };
  call = await startTestCall({ agent: { tts, llm: model(current) }, options });
  call.user.type('Hello');
  return call;
}

describe('a model that takes its time is not taken for a mute voice', () => {
  test('before the voice has a whole text', async () => {
    const call = await startTestCall({ answers: { Hello: { text: 'Well.', durationMs: 9_000 } } });
    call.user.type('Hello');
    await call.until(12_000);
    expect([said(call), errors(call)]).toEqual([['Well.'], []]);
    await call.end();
  });

  test('after its first sentence was heard', async () => {
    const call = await callWith(sentenceVoice(), pausingModel({ 100: 'Let me look. ', 9000: 'It rains.' }, 9_100));
    await call.until(15_000);
    expect([said(call), errors(call)]).toEqual([['Let me look. It rains.'], []]);
    expect(heardMs(call)).toBeCloseTo(21 * MS_PER_CHAR, 0);
    await call.end();
  });

  test('and what is heard first tells so in time, with no timer that spins meanwhile', async () => {
    const call = await callWith(sentenceVoice(), pausingModel({ 100: 'Let me look. ', 9000: 'It rains.' }, 9_100));
    await call.until(3_000);
    const heard = call.log.findLast(({ name }) => name === 'reply_heard');
    expect([heard?.atMs, heard?.event]).toEqual([700, expect.objectContaining({ text: 'Let me look. ' })]);
    let ticks = 0;
    const { setTimeout } = call.clock;
    call.clock.setTimeout = (run, delayMs) => {
      ticks++;
      return setTimeout.call(call.clock, run, delayMs);
    };
    await call.until(8_000);
    expect(ticks).toBeLessThan(5);
    await call.end();
  });

  test('but one that pauses for longer than its deadline is apologised for', async () => {
    const call = await callWith(sentenceVoice(), pausingModel({ 100: 'Let me look. ', 19000: 'It rains.' }, 20_000));
    await call.until(10_000);
    expect(errors(call)).toEqual([]);
    await call.until(30_000);
    expect([said(call), errors(call)]).toEqual([['Let me look.', APOLOGY], ['ERR_DEADLINE']]);
    await call.end();
  });
});

describe('a voice that never says that it is done', () => {
  test.each([true, false])('is done when all it said was heard; with marks: %s', async (marks) => {
    const call = await callWith(
      sentenceVoice({ saysDone: false, marks }),
      pausingModel({ 100: 'It rains. ', 200: 'It pours.' }, 300),
      { deadlines: { transcriptionMs: 60_000 } }, // its stream is not opened anew meanwhile
    );
    await call.until(10_000);
    expect([said(call), errors(call)]).toEqual([['It rains. It pours.'], []]);
    expect(completedAtMs(call)).toBeCloseTo(100 + 18 * MS_PER_CHAR + 3_000, -2);
    await call.end();
  });

  test('and stopped in the middle of the text has failed', async () => {
    const call = await callWith(
      sentenceVoice({ saysDone: false, swallows: 'It pours.' }),
      pausingModel({ 100: 'It rains. ', 200: 'It pours.' }, 300),
      { deadlines: { transcriptionMs: 60_000 } },
    );
    await call.until(15_000);
    expect([said(call), errors(call)]).toEqual([['It rains.', APOLOGY], ['ERR_DEADLINE']]);
    await call.end();
  });
});

describe('the stream of a voice is opened once for each reply', () => {
  /** Speaks each sentence for ten seconds, when the one before has almost been heard. */
  function politeVoice(): Tts & { readonly opened: string[] } {
    const opened: string[] = [];
    const open = ({ report, ready, signal }: TtsOpenOptions) => {
      const stream = opened.push('') - 1;
      let text = '';
      const speak = async () => {
        for (const sentence of text.split(' ')) {
          await ready();
          if (signal.aborted) return;
          report({
            type: 'audio',
            frame: { samples: new Int16Array(80_000).fill(7), sampleRateHz: 8_000, channels: 1 },
          });
          report({ type: 'mark', chars: text.indexOf(sentence) + sentence.length });
        }
        report({ type: 'done' });
      };
      return {
        write: (piece: string) => {
          text += piece;
          opened[stream] = text;
        },
        flush: () => void speak(),
        close: () => {},
      };
    };
    return { label: 'polite', capabilities: { sampleRateHz: 8_000, streaming: true }, opened, open };
  }

  test('however long its audio waits to be played', async () => {
    const voice = politeVoice();
    const call = await callWith(voice, pausingModel({ 100: 'One. Two. Three.' }, 200));
    await call.until(40_000);
    expect([said(call), errors(call)]).toEqual([['One. Two. Three.'], []]);
    expect(voice.opened).toEqual([APOLOGY, 'One. Two. Three.']);
    await call.end();
  });

  test('however long the model takes', async () => {
    const voice = politeVoice();
    const call = await callWith(voice, pausingModel({ 100: 'One', 9000: '.' }, 9_100));
    await call.until(25_000);
    expect([said(call), errors(call)]).toEqual([['One.'], []]);
    expect(voice.opened).toEqual([APOLOGY, 'One.']);
    await call.end();
  });

  test('unless it has the whole text and makes no audio', async () => {
    const call = await startTestCall({ answers: { Hello: { text: 'Well.' } } });
    call.tts.faults.isMute = true;
    let opens = 0;
    const { open } = call.tts;
    call.tts.open = (options) => {
      opens++;
      return open.call(call.tts, options);
    };
    call.user.type('Hello');
    await call.until(3_000);
    expect(opens).toBe(1);
    await call.until(4_000);
    expect(opens).toBe(2);
    await call.end();
  });
});
