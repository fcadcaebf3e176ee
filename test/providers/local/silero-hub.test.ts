import { describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import type { SileroRequest } from '../../../src/providers/local/silero-engine.ts';
import { SileroHub } from '../../../src/providers/local/silero-hub.ts';

const window = (value = 0) => new Int16Array(512).fill(value);
const settle = async () => {
  for (let i = 0; i < 4; i++) await nextLoopTurn();
};

interface Pending {
  readonly request: SileroRequest;
  answer(): Promise<void>;
  fail(error: AgentError): Promise<void>;
}

/** Hosts under the control of the test; a score is the first sample of its window. */
function setup(openHost?: () => Promise<never>) {
  const pending: Pending[] = [];
  const kill: ((error: AgentError) => void)[] = [];
  const hub = new SileroHub(
    openHost ??
      (async () => ({
        onDown: (listener) => kill.push(listener),
        request: (payload) =>
          new Promise((resolve, reject) => {
            const request = payload as SileroRequest; // the hub writes it
            pending.push({
              request,
              answer: () => {
                resolve(Float32Array.from(request.streams, (_, i) => request.samples[i * 512] ?? 0));
                return settle();
              },
              fail: (error) => {
                reject(error);
                return settle();
              },
            });
          }),
      })),
  );
  const open = () => {
    const scores: number[] = [];
    const failures: AgentError[] = [];
    const stream = hub.open({ onScore: (score) => scores.push(score), onFail: (error) => failures.push(error) });
    return { ...stream, scores, failures };
  };
  const last = (): Pending => {
    const found = pending.at(-1);
    if (found === undefined) throw new Error('nothing was asked');
    return found;
  };
  return { open, pending, kill, last };
}
const died = () => new AgentError('ERR_ENGINE', 'the worker died');

describe('the hub of the detector', () => {
  it('asks once about all windows of one turn of the event loop, and tells each stream its own', async () => {
    const { open, pending, last } = setup();
    const [a, b] = [open(), open()];
    a.push(window(1));
    b.push(window(2));
    a.push(window(3));
    await settle();
    expect(pending).toHaveLength(1);
    await last().answer();
    expect([a.scores, b.scores]).toEqual([[1, 3], [2]]);
  });

  it('collects while it waits for an answer', async () => {
    const { open, pending, last } = setup();
    const a = open();
    a.push(window(1));
    await settle();
    for (let i = 2; i < 6; i++) a.push(window(i));
    await settle();
    expect(pending).toHaveLength(1);
    await last().answer();
    expect(last().request.streams).toHaveLength(4);
    await last().answer();
    expect(a.scores).toEqual([1, 2, 3, 4, 5]);
  });

  it('tells nothing to a closed stream, and lets the worker forget it', async () => {
    const { open, last } = setup();
    const [a, b] = [open(), open()];
    a.push(window(1));
    await settle();
    a.close();
    a.close();
    a.push(window(2));
    b.push(window(3));
    await last().answer();
    expect(last().request).toMatchObject({ streams: [2], closed: [1] });
    await last().answer();
    expect([a.scores, b.scores]).toEqual([[], [3]]);
  });

  it('fails every stream once when the worker dies, also between two requests, and starts anew for the next', async () => {
    const { open, kill, last } = setup();
    const [a, b] = [open(), open()];
    a.push(window(1));
    await settle();
    await last().answer();
    kill[0]?.(died());
    await settle();
    a.push(window(2));
    expect([a.failures.length, b.failures.length]).toEqual([1, 1]);
    const c = open();
    c.push(window(7));
    await settle();
    await last().answer();
    kill[0]?.(died()); // the old one again: of no concern to the new one
    expect([c.scores, c.failures, kill.length]).toEqual([[7], [], 2]);
  });

  it('fails the streams when a request fails or the worker cannot be started', async () => {
    const asked = setup();
    const a = asked.open();
    a.push(window());
    await settle();
    await asked.last().fail(died());
    expect(a.failures).toMatchObject([{ code: 'ERR_ENGINE' }]);
    const closed = setup(() => Promise.reject(new AgentError('ERR_MODEL_MISSING', 'no model')));
    const b = closed.open();
    b.push(window());
    await settle();
    expect(b.failures).toMatchObject([{ code: 'ERR_MODEL_MISSING' }]);
  });

  it('fails rather than grow without end when the worker does not follow', () => {
    const { open } = setup();
    const a = open();
    for (let i = 0; i < 10_001; i++) a.push(window());
    expect(a.failures).toMatchObject([{ code: 'ERR_ENGINE', message: expect.stringContaining('behind') }]);
  });
});
