import { expect, test } from 'vitest';
import { type TranscribeDeps, transcribe } from '../../src/actors/transcribe.actor.ts';
import type { PipelineEvent } from '../../src/events.ts';
import type { Stt, SttResult } from '../../src/providers/stt.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

type Link = TranscribeDeps['link'];

/** A recogniser whose answers are given by hand, or inside `end`; `told` is what the chart heard after the stream opened. */
function setUp(answersAtOnce: boolean) {
  const told: PipelineEvent['type'][] = [];
  const outstanding = new Set<number>();
  let report: (result: SttResult) => void = () => {};
  const final = (utterance: number) => report({ type: 'final', utterance, text: 'words' });
  const stt: Stt = {
    label: 'by hand',
    capabilities: { partials: false, languages: ['*'] },
    open: (options) => {
      report = options.report;
      return {
        begin: () => {},
        write: () => {},
        end: (utterance) => answersAtOnce && final(utterance),
        discard: () => {},
        close: () => {},
      };
    },
  };
  let end: (utterance: number) => void = () => {};
  let discard: (utterance: number) => void = () => {};
  const attachStt: Link['attachStt'] = (reader) => {
    discard = (utterance) => {
      outstanding.delete(utterance);
      reader.discard(utterance);
    };
    end = (utterance) => {
      outstanding.add(utterance);
      reader.end(utterance);
    };
    return { isCurrent: () => true };
  };
  transcribe(
    {
      stt,
      language: undefined,
      link: { attachStt } as Link, // the one method that is used
      clock: new VirtualClock(),
      onResult: ({ utterance }) => void outstanding.delete(utterance),
      outstanding: () => outstanding.size,
    },
    {
      signal: new AbortController().signal,
      isOver: false,
      report: ({ type }) => told.push(type),
      fail: () => {},
      guard: (fn) => fn,
      guardClock: (clock) => clock,
    },
  );
  return { told: () => told.slice(1), end, discard, final };
}

test('work is told when it is handed over, goes on, and is done', () => {
  const { told, end, final } = setUp(false);
  end(1);
  end(2);
  expect(told()).toEqual(['pipeline.busied']);
  final(1);
  expect(told()).toEqual(['pipeline.busied', 'pipeline.progressed']);
  final(2);
  expect(told()).toEqual(['pipeline.busied', 'pipeline.progressed', 'pipeline.rested']);
});

test('a recogniser that answers inside `end`, or before the end, was never busy; its first answer says that it is well', () => {
  const { told, end, final } = setUp(true);
  end(1);
  expect(told()).toEqual(['pipeline.rested']);
  final(2);
  end(2);
  expect(told()).toEqual(['pipeline.rested']);
});

test('it has nothing to do when the last thing that it works on is thrown away', () => {
  const { told, end, discard } = setUp(false);
  end(1);
  end(2);
  discard(1);
  expect(told()).toEqual(['pipeline.busied']);
  discard(2);
  expect(told()).toEqual(['pipeline.busied', 'pipeline.released']);
  discard(3);
  end(4);
  expect(told()).toEqual(['pipeline.busied', 'pipeline.released', 'pipeline.busied']);
});
