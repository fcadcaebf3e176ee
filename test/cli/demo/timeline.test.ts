import { describe, expect, test } from 'vitest';
import type { DemoEvent, DemoEventBody } from '../../../src/cli/demo/demo-event.ts';
import { timeline } from '../../../src/cli/demo/timeline.ts';
import { styleOf } from '../../../src/cli/style.ts';

const INK = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const sessionId = 's';
const latency = {
  endpointingMs: 510,
  transcriptionMs: 505,
  transcriptWaitMs: 0,
  firstTokenMs: 5,
  firstAudioMs: 85,
  toolsMs: null,
  totalMs: 600,
};

const state = (
  atMs: number,
  fromState: 'idle' | 'listening' | 'processing',
  toState: 'listening' | 'processing' | 'thinking',
): DemoEvent => ({
  atMs,
  type: 'state_changed',
  sessionId,
  fromState,
  toState,
});

const events: readonly DemoEventBody[] = [
  { type: 'demo_started', user: 'rms', agent: 'slt', turns: 2, engine: 'moonshine (wasm)', warmUpMs: 2_345 },
  { type: 'user_turn_started', userTurn: 1, shows: 'a question', says: 'What time ... is it?' },
  { type: 'stt_result', sessionId, utterance: 1, text: 'What', isFinal: false },
  { type: 'stt_result', sessionId, utterance: 1, text: 'What time is it?', isFinal: true },
  { type: 'tool_called', sessionId, callId: 'c', toolName: 'get_time', arguments: '{"location":"Rome"}' },
  {
    type: 'tool_completed',
    sessionId,
    callId: 'c',
    toolName: 'get_time',
    result: '{"time":"3:42 PM"}',
    durationMs: 12,
  },
  { type: 'tool_error', sessionId, callId: 'd', toolName: 'get_time', error: 'no such place', durationMs: 1_500 },
  {
    type: 'response_generated',
    sessionId,
    turn: 1,
    text: 'It is a quarter to four, and a very fine afternoon in Rome.',
  },
  { type: 'interruption', sessionId, turn: 1, cause: 'voice', playedMs: 1_234, heardText: 'It is a quarter' },
  { type: 'part_killed', part: 'stt', what: 'actor stt' },
  { type: 'engine_down', engine: 'moonshine', spares: 1 },
  { type: 'part_restarted', part: 'stt', by: 'supervisor input', afterMs: 3 },
  { type: 'session_error', sessionId, code: 'ERR_PROVIDER', part: 'turn', message: 'it broke' },
  { type: 'user_turn_ended', userTurn: 1, answered: true, asScripted: true, heard: '', reply: '', latency },
  { type: 'user_turn_ended', userTurn: 2, answered: false, asScripted: false, heard: '', reply: '', latency: null },
  {
    type: 'summary',
    turns: 2,
    answered: 1,
    asScripted: 1,
    latency,
    wav: '/somewhere/with/a/long/name/demo.wav',
    wavDurationMs: 61_500,
    aborted: false,
    exitCode: 1,
  },
];

function shown(columns: number, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }): readonly string[] {
  const { linesOf, rest } = timeline(styleOf({ isTTY: true, columns }, env));
  const lines = events.flatMap((body, i) => linesOf({ atMs: 1_000 + i * 10, ...body } as DemoEvent)); // the body is an event without its time
  return [...lines, ...rest()];
}

describe('the timeline', () => {
  test.each([20, 30, 44, 56, 80, 120])('no line is longer than %i columns, and every word is there', (columns) => {
    const lines = shown(columns);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    const text = lines.join('').replaceAll(/\s/g, '');
    for (const part of [
      'Whattimeisit?',
      'get_time({"location":"Rome"})',
      'heard:“Itisaquarter”',
      '1of2turns',
      'demo.wav',
    ])
      expect(text).toContain(part);
  });

  test('colours are only for terminals that take them', () => {
    expect(shown(80).join('')).not.toContain('\x1b');
    expect(shown(80, {}).join('')).toContain('\x1b[');
    expect(shown(80, {}).join('\n').replaceAll(INK, '')).toBe(shown(80).join('\n'));
  });

  test('says who was killed, who restarted it, what was heard, and where the time went', () => {
    const text = shown(120).join('\n');
    expect(text).toContain('killed       actor stt');
    expect(text).toContain('the moonshine engine is dead; the loaded spare takes over');
    expect(text).toContain('restarted    stt by supervisor input, after 3 ms');
    expect(text).toContain('after 1.2 s of speech; heard: “It is a quarter”');
    expect(text).toContain('600 ms = endpointing 510 + transcription 0 + model 5 + voice 85');
    expect(text).toContain('✗ 2 was not answered');
  });

  test('state changes of one step stand on one line, in front of what follows', () => {
    const { linesOf, rest } = timeline(styleOf({}, {}));
    expect(linesOf(state(100, 'idle', 'listening'))).toEqual([]);
    expect(linesOf(state(900, 'listening', 'processing')).map((line) => line.trim())).toEqual([
      '0.10  state        idle → listening',
    ]);
    expect(linesOf(state(905, 'processing', 'thinking'))).toEqual([]);
    const lines = linesOf({ atMs: 910, type: 'part_killed', part: 'turn', what: 'actor turn' });
    expect(lines.map((line) => line.trim())).toEqual([
      '0.90  state        listening → processing → thinking',
      '0.91  killed       actor turn',
    ]);
    expect(rest()).toEqual([]);
  });
});
