import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messagesOf } from '../../src/runtime/chat-view.ts';
import { Ledger } from '../../src/runtime/ledger.ts';

function setUp() {
  let ids = 0;
  const time = { nowMs: 0 };
  const ledger = new Ledger({ newItemId: () => `item_${++ids}`, now: () => time.nowMs, wallNow: () => time.nowMs });
  let requests = 0;
  const ask = (kind: 'text' | 'reply' | 'say', text = '') => {
    const id = `speech_${++requests}`;
    ledger.queueRequest({ id, kind, text, instructions: undefined, allowInterruptions: true });
    return id;
  };
  /** An utterance from its start to its end, without a final. */
  const utter = () => {
    const { id } = ledger.beginUtterance(time.nowMs);
    ledger.endUtterance(time.nowMs);
    return id;
  };
  const levels = () => ledger.levels({ endpointingMs: 500, sttFailed: false, canPause: false });
  const said = () => ledger.items.flatMap((item) => (item.type === 'user' ? [item.text] : []));
  return { ledger, time, ask, utter, levels, said };
}

describe('what the user says', () => {
  test('finals that follow each other are one thing said', () => {
    const { ledger, utter, said, levels } = setUp();
    ledger.addFinal(utter(), 'Stop!');
    ledger.addFinal(utter(), ' ok, stop! ');
    expect(levels()).toMatchObject({ openWords: 3, finalsOutstanding: 0 });
    ledger.openTurn(1_000);
    expect(said()).toEqual(['Stop! ok, stop!']);
    expect(levels().openWords).toBe(0);
  });

  test('words wait for those that were said before them', () => {
    const { ledger, utter, said, levels } = setUp();
    const first = utter();
    const second = utter();
    ledger.addFinal(second, 'two');
    expect(levels()).toMatchObject({ openWords: 0, finalsOutstanding: 1 });
    ledger.addFinal(first, 'one');
    expect(levels().openWords).toBe(2);
    ledger.openTurn(1_000);
    expect(said()).toEqual(['one two']);
  });

  test('a final in mid-utterance is kept, and the utterance goes on until it is closed', () => {
    const { ledger, levels } = setUp();
    const { id } = ledger.beginUtterance(0);
    expect(ledger.addFinal(id, 'one')).toEqual({ expected: true, settled: false });
    ledger.endUtterance(100);
    expect(levels()).toMatchObject({ openWords: 1, finalsOutstanding: 1 });
    expect(ledger.addFinal(id, '')).toEqual({ expected: true, settled: true });
    expect(ledger.addFinal(id, 'late')).toEqual({ expected: false, settled: false });
    expect(ledger.openText).toBe('one');
  });

  test('the same answer given twice at once is one answer', () => {
    const { ledger, time } = setUp();
    const { id } = ledger.beginUtterance(0);
    ledger.addFinal(id, 'no');
    ledger.addFinal(id, 'no');
    time.nowMs = 700;
    ledger.addFinal(id, 'no');
    expect(ledger.openText).toBe('no no');
  });

  test('partials count as words that are still to come, and are taken when their final is late', () => {
    const { ledger, utter, levels, said } = setUp();
    const id = utter();
    expect(ledger.updatePartial(id, 'one two')).toBe(true);
    expect(ledger.updatePartial(id, 'one two')).toBe(false);
    expect(levels()).toMatchObject({ openWords: 0, partialWords: 2 });
    expect(ledger.commitPartials()).toEqual([id]);
    ledger.openTurn(1_000);
    expect(said()).toEqual(['one two']);
  });

  test('a recogniser is late from when the end was noticed, wherever the detector puts the last voice', () => {
    const { ledger, time, levels } = setUp();
    ledger.beginUtterance(0);
    time.nowMs = 9_000;
    ledger.endUtterance(2_000);
    expect(levels()).toMatchObject({ lastVoiceAtMs: 2_000, speechEndedAtMs: 9_000 });
  });

  test('cleared speech is gone, and its finals are not expected any more', () => {
    const { ledger, utter, levels } = setUp();
    const id = utter();
    ledger.addFinal(utter(), 'words');
    expect(ledger.clearSpeech()).toEqual([id]);
    expect(ledger.addFinal(id, 'late').expected).toBe(false);
    expect(levels()).toMatchObject({ openWords: 0, finalsOutstanding: 0 });
  });

  test('the end of the call keeps open words, partials and texts in their order', () => {
    const { ledger, utter, ask, said } = setUp();
    ledger.addFinal(utter(), 'one');
    ask('text', 'typed');
    ledger.updatePartial(ledger.beginUtterance(0).id, 'two');
    ledger.commitRest();
    expect(said()).toEqual(['one two', 'typed']);
  });
});

describe('turns', () => {
  test('take words, texts and at most one request; what was given to be said takes no words', () => {
    const { ledger, utter, ask, levels } = setUp();
    const say = ask('say', 'Welcome.');
    expect(ledger.openTurn(1_000)).toMatchObject({ n: 1, mode: 'say', text: 'Welcome.', requestIds: [say] });
    const text = ask('text', 'typed');
    const reply = ask('reply');
    ask('reply');
    ledger.addFinal(utter(), 'spoken');
    expect(ledger.openTurn(1_000)).toMatchObject({ n: 2, mode: 'reply', requestIds: [text, reply] });
    expect(levels()).toMatchObject({ openWords: 0, requests: 1 });
    expect(ledger.items.map(({ turn }) => turn)).toEqual([2, 2]);
  });

  test('a request without words of the user is no answer to the user', () => {
    const { ledger, ask } = setUp();
    ask('reply');
    expect(ledger.openTurn(1_000).mode).toBe('request');
  });

  const debts: readonly [what: string, heard: boolean, cancelled: 'voice' | 'text' | 'host', owed: boolean][] = [
    ['cut by voice before it was heard', false, 'voice', true],
    ['cut by text before it was heard', false, 'text', true],
    ['cut by the host', false, 'host', false],
    ['cut when it was audible', true, 'voice', false],
  ];
  test.each(debts)('an answer %s: the question is still owed = %#', (_what, heard, cancelled, owed) => {
    const { ledger, ask, levels } = setUp();
    ask('text', 'question');
    const turn = ledger.openTurn(1_000);
    Object.assign(turn, { heard, cancelled, outcome: 'interrupted' });
    ledger.settleTurn();
    expect(levels().owed).toBe(owed);
    expect(ledger.openTurn(1_000).mode).toBe(owed ? 'reply' : 'request');
  });

  test('a second attempt goes on from the step that was reached', () => {
    const { ledger, ask } = setUp();
    ask('text', 'question');
    Object.assign(ledger.openTurn(1_000), { step: 2, outcome: 'failed' });
    expect(ledger.retryTurn()).toMatchObject({ n: 1, attempt: 2, step: 2, outcome: null, phase: 'thinking' });
  });

  test('the apology keeps the number and the requests of the turn', () => {
    const { ledger, ask } = setUp();
    const id = ask('text', 'question');
    ledger.openTurn(1_000);
    expect(ledger.openFallback('Sorry.', 1_000)).toMatchObject({ n: 1, mode: 'fallback', requestIds: [id] });
  });

  test('typed text that is withdrawn stays said, other requests vanish', () => {
    const { ledger, ask, said, levels } = setUp();
    const text = ask('text', 'typed');
    const say = ask('say', 'Hi.');
    expect([ledger.withdrawRequest(text), ledger.withdrawRequest(say), ledger.withdrawRequest('x')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(said()).toEqual(['typed']);
    expect(levels()).toMatchObject({ requests: 0, owed: false });
  });
});

test('an answer that nobody heard is not in the history', () => {
  const { ledger, ask } = setUp();
  ask('text', 'question');
  ledger.openTurn(1_000);
  const unheard = ledger.beginAssistantItem();
  ledger.setHeard(unheard, '', true);
  const cut = ledger.beginAssistantItem();
  ledger.setHeard(cut, 'Half an ', true);
  expect(ledger.items.slice(1)).toMatchObject([{ id: cut, text: 'Half an', interrupted: true }]);
});

test('whatever the order of calls, outputs and turns: one output for each call, after it, and models can read it', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('call' as const), id: fc.nat(9) }),
    fc.record({ do: fc.constant('output' as const), id: fc.nat(9) }),
    fc.constantFrom({ do: 'turn' as const }, { do: 'text' as const }, { do: 'answer' as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { ledger, ask } = setUp();
      const called = new Set<string>();
      for (const [i, each] of steps.entries()) {
        if (each.do === 'turn') ledger.openTurn(1_000);
        else if (each.do === 'text') ask('text', `text ${i}`);
        else if (each.do === 'answer') ledger.setHeard(ledger.beginAssistantItem(), `answer ${i}`, false);
        else if (each.do === 'output') ledger.recordOutput(`call_${each.id}`, 'done', false);
        else if (!called.has(`call_${each.id}`)) {
          called.add(`call_${each.id}`);
          ledger.recordCall({ callId: `call_${each.id}`, name: 'look', arguments: '{}' });
        }
      }
      const open = new Set<string>();
      for (const item of ledger.items) {
        if (item.type === 'toolCall') open.add(item.callId);
        if (item.type === 'toolOutput') expect(open.delete(item.callId)).toBe(true);
      }
      let due: string[] = [];
      for (const message of messagesOf('', ledger.items)) {
        if (message.role === 'tool') expect(message.callId).toBe(due.shift());
        else expect(due).toEqual([]);
        if (message.role === 'assistant') due = (message.toolCalls ?? []).map(({ callId }) => callId);
      }
      expect(due).toEqual([]);
    }),
  );
});
