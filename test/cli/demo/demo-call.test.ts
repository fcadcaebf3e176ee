import { describe, expect, test } from 'vitest';
import { type DemoCallResult, type DemoUser, holdDemoCall, type SpokenTurn } from '../../../src/cli/demo/demo-call.ts';
import { type DemoEvent, KILL_PARTS, type KillPart } from '../../../src/cli/demo/demo-event.ts';
import { cutIntoFrames } from '../../../src/cli/demo/microphone.ts';
import { DEMO_SCRIPT } from '../../../src/cli/demo/script.ts';
import { type AudioFrame, INPUT_FORMAT } from '../../../src/index.ts';
import { intentLlm } from '../../../src/providers/local/intent-llm.ts';
import { transcriptTurnDetector } from '../../../src/providers/local/transcript-turn-detector.ts';
import { ScriptedStt, ScriptedTts, ScriptedVad, VirtualClock } from '../../../src/testing/index.ts';
import { SpokenScript } from '../../../src/testing/spoken-script.ts';

const RATE = INPUT_FORMAT.sampleRateHz;

function spoken(script: SpokenScript, says: SpokenTurn['says']): AudioFrame {
  const pieces = says.map((part) => {
    if (typeof part !== 'string') return new Int16Array((part.pauseMs * RATE) / 1000);
    const durationMs = part.split(' ').length * 300;
    const code = script.add({ text: part, durationMs, sttDelayMs: 200 });
    return script.frame(code, 0, (durationMs * RATE) / 1000).samples;
  });
  return { samples: Int16Array.from(pieces.flatMap((piece) => [...piece])), ...INPUT_FORMAT };
}

interface Held extends DemoCallResult {
  readonly events: readonly DemoEvent[];
  readonly pendingTimers: number;
}

async function hold(
  make: (script: SpokenScript) => DemoUser,
  given: { readonly kill?: KillPart; readonly abortAtMs?: number; readonly isDeaf?: boolean } = {},
): Promise<Held> {
  const clock = new VirtualClock();
  const script = new SpokenScript();
  const user = make(script);
  const events: DemoEvent[] = [];
  const controller = new AbortController();
  const stt = new ScriptedStt(script);
  if (given.isDeaf === true) stt.faults.isMute = true;
  const held = holdDemoCall({
    clock,
    providers: {
      vad: new ScriptedVad(),
      stt,
      tts: new ScriptedTts({ msPerWord: 100 }),
      llm: intentLlm(),
      turnDetector: transcriptTurnDetector(),
    },
    user,
    emit: (event) => events.push(event),
    kill: given.kill && { part: given.kill },
    signal: controller.signal,
    sampleRateHz: 8_000,
  });
  if (given.abortAtMs !== undefined) clock.setTimeout(() => controller.abort(), given.abortAtMs);
  let isOver = false;
  held.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  for (let seconds = 0; !isOver && seconds < 900; seconds++) await clock.advance(1_000);
  return { ...(await held), events, pendingTimers: clock.pendingTimers };
}

const script = (spokenScript: SpokenScript): DemoUser => ({
  kind: 'script',
  turns: DEMO_SCRIPT.map((turn) => ({ ...turn, frames: cutIntoFrames(spoken(spokenScript, turn.says)) })),
});

const types = (events: readonly DemoEvent[], type: DemoEvent['type']) => events.filter((event) => event.type === type);

/** Loudness of one side in a stretch of the recording. */
function isLoud({ recording }: DemoCallResult, side: 'user' | 'agent', fromMs: number, toMs: number): boolean {
  const { samples, sampleRateHz } = recording;
  for (let i = Math.floor((fromMs * sampleRateHz) / 1000); i < (toMs * sampleRateHz) / 1000; i++)
    if (samples[i * 2 + (side === 'user' ? 0 : 1)] !== 0) return true;
  return false;
}

describe('the demo on a virtual clock', () => {
  test('every turn of the script is answered as scripted, and the recording holds both sides', async () => {
    const call = await hold(script);
    expect(call.turns.map(({ answered, asScripted }) => [answered, asScripted])).toEqual(
      DEMO_SCRIPT.map(() => [true, true]),
    );
    expect(types(call.events, 'user_turn_started').length).toBe(DEMO_SCRIPT.length);
    expect(types(call.events, 'user_turn_ended').length).toBe(DEMO_SCRIPT.length);
    expect(types(call.events, 'interruption')).toMatchObject([{ cause: 'voice' }]);
    expect(types(call.events, 'tool_called').length).toBe(5);
    for (const event of types(call.events, 'speaking_started')) {
      expect(isLoud(call, 'agent', event.atMs, event.atMs + 100)).toBe(true);
      expect(isLoud(call, 'agent', event.atMs - 400, event.atMs - 10)).toBe(false);
    }
    const first = types(call.events, 'user_turn_started')[0]?.atMs ?? 0;
    // The frame that is being recorded is the first one that is heard.
    expect([isLoud(call, 'user', 0, first - 25), isLoud(call, 'user', first, first + 300)]).toEqual([false, true]);
    expect(call.pendingTimers).toBe(0);
  });

  test('times never go back, and events are plain data', async () => {
    const { events } = await hold(script);
    events.forEach((event, i) => {
      expect(event.atMs).toBeGreaterThanOrEqual(events[i - 1]?.atMs ?? 0);
    });
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
  });

  test.each(KILL_PARTS)('%s dies in the second turn, is started again, and every turn is answered', async (kill) => {
    const call = await hold(script, { kill });
    expect(types(call.events, 'part_killed')).toMatchObject([{ part: kill }]);
    expect(types(call.events, 'part_restarted').length).toBe(1);
    const killedAtMs = types(call.events, 'part_killed')[0]?.atMs ?? 0;
    const [, second, third] = types(call.events, 'user_turn_started');
    expect(killedAtMs).toBeGreaterThan(second?.atMs ?? Number.POSITIVE_INFINITY);
    expect(killedAtMs).toBeLessThan(third?.atMs ?? 0);
    expect(call.turns.map(({ answered, asScripted }) => [answered, asScripted])).toEqual(
      DEMO_SCRIPT.map(() => [true, true]),
    );
  });

  test('a recognizer that hears nothing leaves every turn unanswered, and the demo ends', async () => {
    const call = await hold((spokenScript) => ({ kind: 'script', turns: turnsOf(script(spokenScript)).slice(0, 2) }), {
      isDeaf: true,
    });
    expect(call.turns.map(({ answered }) => answered)).toEqual([false, false]);
  });

  test('stopped in the middle it ends at once and keeps what was recorded', async () => {
    const call = await hold(script, { abortAtMs: 8_000 });
    expect(call.turns.length).toBeLessThan(DEMO_SCRIPT.length);
    const durationMs = call.recording.samples.length / 2 / 8;
    expect(durationMs).toBeGreaterThan(7_000);
    expect(durationMs).toBeLessThan(9_000);
    expect(types(call.events, 'session_stopped').length).toBe(1);
    expect(call.pendingTimers).toBe(0);
  });

  test('a recording is played at its own pace; turns are what was said in it', async () => {
    const call = await hold((spokenScript) => {
      const says = ['What time is it in Tokyo?', { pauseMs: 6_000 }, 'What time is it in Rome?'];
      return { kind: 'recording', frames: cutIntoFrames(spoken(spokenScript, says)), format: INPUT_FORMAT };
    });
    expect(call.turns.map(({ heard, answered }) => [heard, answered])).toEqual([
      ['What time is it in Tokyo?', true],
      ['What time is it in Rome?', true],
    ]);
  });

  test('a recording of silence has no turns', async () => {
    const call = await hold(() => ({
      kind: 'recording',
      frames: cutIntoFrames({ samples: new Int16Array(44_100 * 2), sampleRateHz: 44_100, channels: 2 }),
      format: { sampleRateHz: 44_100, channels: 2 },
    }));
    expect(call.turns).toEqual([]);
  });
});

function turnsOf(user: DemoUser): readonly SpokenTurn[] {
  return user.kind === 'script' ? user.turns : [];
}
