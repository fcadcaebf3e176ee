import { expect, test } from 'vitest';
import { UserSpeech } from '../../src/runtime/user-speech.ts';

function setUp() {
  const time = { nowMs: 0 };
  let order = 0;
  const speech = new UserSpeech({ now: () => time.nowMs, nextOrder: () => ++order });
  /** An utterance from its start to its end, without a final. */
  const utter = () => {
    const id = speech.begin();
    speech.end(time.nowMs);
    return id;
  };
  const taken = () => speech.takeReadyWords().map(({ text }) => text);
  return { speech, time, utter, taken };
}

test('finals that follow each other are one thing said', () => {
  const { speech, utter, taken } = setUp();
  speech.addFinal(utter(), 'Stop!');
  speech.addFinal(utter(), ' ok, stop! ');
  expect(speech.levels()).toMatchObject({ openWords: 3, finalsOutstanding: 0 });
  expect(taken()).toEqual(['Stop! ok, stop!']);
  expect(speech.hasReadyWords).toBe(false);
});

test('words wait for those that were said before them', () => {
  const { speech, utter, taken } = setUp();
  const first = utter();
  const second = utter();
  speech.addFinal(second, 'two');
  expect(speech.levels()).toMatchObject({ openWords: 0, finalsOutstanding: 1 });
  expect(taken()).toEqual([]);
  speech.addFinal(first, 'one');
  expect(taken()).toEqual(['one two']);
});

test('a final in mid-utterance is kept, and the utterance goes on until it is closed', () => {
  const { speech } = setUp();
  const id = speech.begin();
  expect(speech.addFinal(id, 'one')).toEqual({ expected: true, settled: false });
  speech.end(100);
  expect(speech.levels()).toMatchObject({ openWords: 1, finalsOutstanding: 1 });
  expect(speech.addFinal(id, '')).toEqual({ expected: true, settled: true });
  expect(speech.addFinal(id, 'late')).toEqual({ expected: false, settled: false });
  expect(speech.openText).toBe('one');
});

test('the same answer given twice at once is one answer', () => {
  const { speech, time } = setUp();
  const id = speech.begin();
  speech.addFinal(id, 'no');
  speech.addFinal(id, 'no');
  time.nowMs = 700;
  speech.addFinal(id, 'no');
  expect(speech.openText).toBe('no no');
});

test('partials count as words that are still to come, and are taken when their final is late', () => {
  const { speech, utter, taken } = setUp();
  const id = utter();
  expect(speech.updatePartial(id, 'one two')).toBe(true);
  expect(speech.updatePartial(id, 'one two')).toBe(false);
  expect(speech.levels()).toMatchObject({ openWords: 0, partialWords: 2 });
  expect(speech.commitPartials()).toEqual([id]);
  expect(taken()).toEqual(['one two']);
});

test('an utterance that is given up leaves nothing, and the open one goes on', () => {
  const { speech, utter } = setUp();
  const late = utter();
  speech.updatePartial(late, 'half');
  speech.begin();
  expect(speech.giveUp()).toEqual([late]);
  expect(speech.levels()).toMatchObject({ userSpeaking: true, finalsOutstanding: 0, partialWords: 0 });
});

test('noise leaves nothing, and there was no voice', () => {
  const { speech } = setUp();
  speech.begin();
  speech.markSustained();
  expect(speech.levels()).toMatchObject({ userSpeaking: true, sustained: true });
  speech.discard();
  expect(speech.isIncomplete).toBe(false);
  expect(speech.levels()).toMatchObject({ userSpeaking: false, sustained: false, lastVoiceAtMs: null });
});

test('voice that lasted is known of the utterance until its final comes, and of its words until they are taken', () => {
  const { speech, utter, taken } = setUp();
  const id = speech.begin();
  speech.markSustained();
  speech.end(0);
  expect(speech.levels()).toMatchObject({ userSpeaking: false, sustained: true, sustainedWords: false });
  speech.begin();
  expect(speech.levels()).toMatchObject({ userSpeaking: true, sustained: false, endedSustained: true });
  speech.addFinal(id, 'stop');
  expect(speech.levels()).toMatchObject({ sustained: false, sustainedWords: true });
  speech.discard();
  taken();
  speech.addFinal(utter(), 'mm');
  expect(speech.levels()).toMatchObject({ sustained: false, sustainedWords: false });
});

test('a recogniser is late from when the end was noticed, wherever the detector puts the last voice', () => {
  const { speech, time } = setUp();
  speech.begin();
  time.nowMs = 9_000;
  speech.end(2_000);
  expect(speech.levels()).toMatchObject({ lastVoiceAtMs: 2_000, speechEndedAtMs: 9_000 });
});

test('cleared speech is gone, and its finals are not expected any more', () => {
  const { speech, utter } = setUp();
  const id = utter();
  speech.addFinal(utter(), 'words');
  speech.commit();
  expect(speech.clear()).toEqual([id]);
  expect(speech.addFinal(id, 'late').expected).toBe(false);
  expect(speech.levels()).toMatchObject({ openWords: 0, finalsOutstanding: 0, committed: false });
});

test('a commit is about what was said until then, as long as something of it is open', () => {
  const { speech, utter, taken } = setUp();
  speech.commit();
  expect(speech.levels().committed).toBe(false);
  const meant = utter();
  expect(speech.levels().committed).toBe(false);
  speech.commit();
  expect(speech.levels().committed).toBe(true);
  const later = utter();
  speech.addFinal(meant, 'one');
  expect(speech.levels().committed).toBe(true);
  expect(taken()).toEqual(['one']);
  speech.addFinal(later, 'two');
  expect(speech.levels()).toMatchObject({ openWords: 1, committed: false });
});

test('a commit of what turns out to be noise is over with it', () => {
  const { speech, utter } = setUp();
  const noise = speech.begin();
  speech.commit();
  speech.end(0);
  expect(speech.levels().committed).toBe(true);
  speech.addFinal(noise, '');
  speech.addFinal(utter(), 'one');
  expect(speech.levels().committed).toBe(false);
});

test('the end takes words and partials in the order in which they were said', () => {
  const { speech, utter } = setUp();
  const first = utter();
  speech.addFinal(utter(), 'two');
  speech.updatePartial(speech.begin(), 'three');
  speech.updatePartial(first, 'one');
  expect(speech.takeAll()).toMatchObject([{ text: 'one two three' }]);
  expect(speech.isIncomplete).toBe(false);
});
