import { describe, expect, test } from 'vitest';
import type { DemoEvent, DemoEventBody } from '../../../src/cli/demo/demo-event.ts';
import { TurnBook } from '../../../src/cli/demo/turn-book.ts';

const sessionId = 's';
const latency = { endpointingMs: 500, transcriptionMs: 499, firstTokenMs: 5, firstAudioMs: 80, totalMs: 585 };
const unheard = { ...latency, firstAudioMs: null, totalMs: null };

function bookOf(...events: readonly DemoEventBody[]): TurnBook {
  const book = new TurnBook();
  book.begin('a question', { calls: [{ name: 'get_time', arguments: { location: 'Rome' } }], replyHas: ['noon'] });
  events.forEach((event, i) => {
    book.take({ atMs: i * 10, ...event } as DemoEvent); // the body is an event without its time
  });
  return book;
}

const started = (turn: number, attempt = 1): DemoEventBody => ({
  type: 'turn_started',
  sessionId,
  turn,
  mode: 'reply',
  attempt,
});
const spoke = (turn: number): DemoEventBody => ({ type: 'speaking_started', sessionId, turn });
const said = (turn: number, text: string): DemoEventBody => ({ type: 'response_generated', sessionId, turn, text });
const called: DemoEventBody = {
  type: 'tool_called',
  sessionId,
  callId: 'c',
  toolName: 'get_time',
  arguments: '{"location":"Rome"}',
};
const returned: DemoEventBody = {
  type: 'tool_completed',
  sessionId,
  callId: 'c',
  toolName: 'get_time',
  result: '{}',
  durationMs: 10,
};
const ended = (
  turn: number,
  outcome: 'completed' | 'interrupted' | 'failed',
  heard = true,
  mode: 'reply' | 'fallback' = 'reply',
): DemoEventBody => ({
  type: 'turn_completed',
  sessionId,
  turn,
  mode,
  outcome,
  durationMs: 1,
  messageCount: 1,
  latency: heard ? latency : unheard,
});

describe('a turn of the user', () => {
  test('is answered when the reply was heard to its end', () => {
    const book = bookOf(started(1), called, returned, said(1, 'It is noon.'), spoke(1), ended(1, 'completed'));
    expect(book.turns[0]).toMatchObject({ answered: true, asScripted: true, latency: { totalMs: 585, toolsMs: 10 } });
    expect(book.isSettled(1)).toBe(true);
  });

  test('is answered when the user spoke into the reply', () => {
    expect(bookOf(started(1), spoke(1), ended(1, 'interrupted')).turns[0]?.answered).toBe(true);
  });

  test('waits on when the reply was taken back unheard, and the next reply answers it', () => {
    const book = bookOf(started(1), ended(1, 'interrupted', false));
    expect([book.isSettled(1), book.speakingTurn]).toEqual([false, 1]);
    for (const body of [started(2), spoke(2), ended(2, 'completed')]) book.take({ atMs: 99, ...body } as DemoEvent); // as above
    expect(book.turns.map(({ answered }) => answered)).toEqual([true]);
  });

  test('is not answered by the apology after a failure', () => {
    const book = bookOf(started(1), spoke(1), ended(1, 'completed', true, 'fallback'));
    expect([book.turns[0]?.answered, book.isSettled(1)]).toEqual([false, true]);
  });

  test('is not answered by a reply that failed or that nobody heard', () => {
    expect(bookOf(started(1), ended(1, 'failed', false)).turns[0]?.answered).toBe(false);
    expect(bookOf(started(1), ended(1, 'completed', false)).turns[0]?.answered).toBe(false);
  });

  test.each([
    ['another call', [started(1), said(1, 'It is noon.'), spoke(1), ended(1, 'completed')]],
    ['a word that is missing', [started(1), called, returned, said(1, 'Sorry.'), spoke(1), ended(1, 'completed')]],
  ])('is answered, though not as scripted, with %s', (_what, events) => {
    expect(bookOf(...events).turns[0]).toMatchObject({ answered: true, asScripted: false });
  });

  test('ends once, and the next speech belongs to the next turn', () => {
    const book = bookOf(started(1), spoke(1), ended(1, 'completed'));
    expect([book.takeEnded(false).length, book.takeEnded(true).length, book.speakingTurn]).toEqual([1, 0, 2]);
  });

  test('that nobody answered ends when it is given up', () => {
    const book = bookOf(started(1));
    expect([book.takeEnded(false).length, book.takeEnded(true).length]).toEqual([0, 1]);
  });
});
