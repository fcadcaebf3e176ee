import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messagesOf } from '../../src/runtime/chat-view.ts';
import { Ledger } from '../../src/runtime/ledger.ts';
import type { TurnRecord } from '../../src/runtime/turn-record.ts';

function setUp() {
  let ids = 0;
  let callIds = 0;
  const time = { nowMs: 0 };
  const ledger = new Ledger({
    newItemId: () => `item_${++ids}`,
    newCallId: () => `call_${++callIds}`,
    now: () => time.nowMs,
    wallNow: () => time.nowMs,
  });
  let requests = 0;
  const ask = (kind: 'text' | 'reply' | 'say', text = '') => {
    const id = `speech_${++requests}`;
    ledger.queueRequest({ id, kind, text, instructions: undefined, allowInterruptions: true });
    return id;
  };
  /** An utterance from its start to its end, without a final. */
  const utter = () => {
    const id = ledger.speech.begin();
    ledger.speech.end(time.nowMs);
    return id;
  };
  const levels = () => ledger.levels({ endpointingMs: 500, sttFailed: false, canPause: false });
  const said = () => ledger.items.flatMap((item) => (item.type === 'user' ? [item.text] : []));
  return { ledger, time, ask, utter, levels, said };
}

describe('what the user says', () => {
  test('is taken by the next turn as one thing said', () => {
    const { ledger, utter, said, levels } = setUp();
    ledger.speech.addFinal(utter(), 'Stop!');
    ledger.speech.addFinal(utter(), ' ok, stop! ');
    ledger.openTurn(1_000);
    expect(said()).toEqual(['Stop! ok, stop!']);
    expect(levels().openWords).toBe(0);
  });

  test('the end of the call keeps open words, partials and texts in their order', () => {
    const { ledger, utter, ask, said } = setUp();
    ledger.speech.addFinal(utter(), 'one');
    ask('text', 'typed');
    ledger.speech.updatePartial(ledger.speech.begin(), 'two');
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
    ledger.speech.addFinal(utter(), 'spoken');
    expect(ledger.openTurn(1_000)).toMatchObject({ n: 2, mode: 'reply', requestIds: [text, reply] });
    expect(levels()).toMatchObject({ openWords: 0, requests: 1 });
    expect(ledger.items.map(({ turn }) => turn)).toEqual([2, 2]);
  });

  test('a request without words of the user is no answer to the user', () => {
    const { ledger, ask } = setUp();
    ask('reply');
    expect(ledger.openTurn(1_000).mode).toBe('request');
  });

  const unheard = { cutUnheard: true };
  const debts: readonly [what: string, end: Partial<TurnRecord>, owed: boolean][] = [
    ['cut by voice before it was heard', { ...unheard, cancelled: 'voice', outcome: 'interrupted' }, true],
    ['cut by text before it was heard', { ...unheard, cancelled: 'text', outcome: 'interrupted' }, true],
    ['killed because it did not end when it was cut', { ...unheard, cancelled: 'voice', outcome: null }, true],
    ['that failed at the moment when it was cut', { ...unheard, cancelled: 'voice', outcome: 'failed' }, true],
    ['cut after its announcement', { ...unheard, heard: true, cancelled: 'voice', outcome: 'interrupted' }, true],
    ['that was complete when it was cut', { ...unheard, cancelled: 'voice', outcome: 'completed' }, false],
    ['of a model with nothing to say', { ...unheard, cancelled: 'voice', outcome: 'empty' }, false],
    ['cut by the host', { ...unheard, cancelled: 'host', outcome: 'interrupted' }, false],
    ['cut when it was audible', { heard: true, cancelled: 'voice', outcome: 'interrupted' }, false],
    ['that failed', { outcome: 'failed' }, false],
  ];
  test.each(debts)('an answer %s: the question is still owed = %#', (_what, end, owed) => {
    const { ledger, ask, levels } = setUp();
    ask('text', 'question');
    Object.assign(ledger.openTurn(1_000), end);
    expect(levels().owed).toBe(owed);
    ledger.settleTurn();
    expect(levels().owed).toBe(owed);
    expect(ledger.openTurn(1_000).mode).toBe(owed ? 'reply' : 'request');
  });

  const says: readonly Partial<TurnRecord>[] = [
    { outcome: 'completed', heard: true },
    { outcome: 'interrupted', cancelled: 'voice', heard: true },
    { outcome: 'interrupted', cancelled: 'host' },
  ];
  test.each(says)('given text that ended as %o is no answer: the question stays owed', (end) => {
    const { ledger, ask, levels } = setUp();
    ask('text', 'question');
    Object.assign(ledger.openTurn(1_000), { ...unheard, cancelled: 'voice', outcome: 'interrupted' });
    ledger.settleTurn();
    ask('say', 'Welcome.');
    Object.assign(ledger.openTurn(1_000), end);
    expect(levels().owed).toBe(true);
    ledger.settleTurn();
    expect(levels().owed).toBe(true);
    expect(ledger.openTurn(1_000).mode).toBe('reply');
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
    // Models repeat their ids, in one turn and in later ones, and some give none.
    fc.record({ do: fc.constant('call' as const), id: fc.constantFrom('', 'call_1', 'call_2', 'call_3') }),
    fc.record({ do: fc.constant('output' as const), id: fc.nat(9) }),
    // An aside is said by a call, and stands before its output, also when that came first.
    fc.record({ do: fc.constantFrom('aside' as const, 'heard' as const, 'unheard' as const), id: fc.nat(9) }),
    fc.constantFrom(
      { do: 'turn' as const },
      { do: 'text' as const },
      { do: 'ask' as const },
      { do: 'answer' as const },
    ),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const { ledger, ask } = setUp();
      const outputs = new Map<string, string>();
      for (const [i, each] of steps.entries()) {
        if (each.do === 'text' || each.do === 'ask') ask('text', `text ${i}`);
        if (each.do === 'turn' || each.do === 'ask') ledger.openTurn(1_000);
        else if (each.do === 'answer') ledger.setHeard(ledger.beginAssistantItem(), `answer ${i}`, false);
        else if (each.do === 'aside') {
          const all = ledger.items.flatMap((item) => (item.type === 'toolCall' ? [item.callId] : []));
          ledger.beginAssistantItem(all[each.id % Math.max(1, all.length)]);
        } else if (each.do === 'heard' || each.do === 'unheard') {
          const said = ledger.items.filter(({ type }) => type === 'assistant');
          const item = said[each.id % Math.max(1, said.length)];
          if (item !== undefined)
            ledger.setHeard(item.id, each.do === 'heard' ? `heard ${i}` : '', each.do === 'unheard');
        } else if (each.do === 'call') ledger.recordCall({ callId: each.id, name: 'look', arguments: '{}' });
        else if (each.do === 'output') {
          const calls = ledger.openCalls();
          const callId = calls[each.id % Math.max(1, calls.length)]?.callId ?? 'call_1';
          if (ledger.recordOutput(callId, `output ${i}`, false)) outputs.set(callId, `output ${i}`);
        }
        // What is remembered of earlier readings never shows.
        if (i % 3 > 0) expect(ledger.messages('Be kind.')).toEqual(messagesOf('Be kind.', ledger.items));
      }
      const calls = ledger.items.flatMap((item) => (item.type === 'toolCall' ? [item.callId] : []));
      expect(new Set(calls).size).toBe(calls.length);
      expect(calls).not.toContain('');
      const open = new Set<string>();
      for (const item of ledger.items) {
        if (item.type === 'toolCall') open.add(item.callId);
        if (item.type === 'toolOutput') expect(open.delete(item.callId)).toBe(true);
      }
      let due: string[] = [];
      for (const message of messagesOf('', ledger.items)) {
        if (message.role === 'tool') {
          expect(message.callId).toBe(due.shift());
          expect(message.content).toBe(outputs.get(message.callId));
        } else expect(due).toEqual([]);
        if (message.role === 'assistant') due = (message.toolCalls ?? []).map(({ callId }) => callId);
      }
      expect(due).toEqual([]);
    }),
  );
});
