import { expect, test } from 'vitest';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { Outbox } from '../../../src/transports/livekit/outbox.ts';

function start() {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  const outbox = new Outbox(clock, (error) => failures.push(error));
  const sent: string[] = [];
  const send = (name: string) => async () => {
    sent.push(name);
  };
  let release = () => {};
  const block = () =>
    new Promise<void>((resolve) => {
      release = resolve;
    });
  return { clock, failures, outbox, sent, send, block, release: () => release() };
}

test('sends go out one after the other, in order', async () => {
  const { clock, outbox, sent, send, block, release } = start();
  outbox.push(block);
  outbox.push(send('a'));
  outbox.push(send('b'));
  await clock.settle();
  expect(sent).toEqual([]);
  release();
  await clock.settle();
  expect(sent).toEqual(['a', 'b']);
});

test('a send that waits is replaced by a newer one under its key, in its place', async () => {
  const { clock, outbox, sent, send, block, release } = start();
  outbox.push(block);
  outbox.push(send('old'), 'state');
  outbox.push(send('other'));
  outbox.push(send('new'), 'state');
  release();
  await clock.settle();
  expect(sent).toEqual(['new', 'other']);
});

test('one that fails, by a throw or a rejection, is told and the next goes out', async () => {
  const { clock, outbox, sent, send, failures } = start();
  outbox.push(() => {
    throw new Error('at once');
  });
  outbox.push(() => Promise.reject(new Error('later')));
  outbox.push(send('a'));
  await clock.settle();
  expect(failures).toEqual([new Error('at once'), new Error('later')]);
  expect(sent).toEqual(['a']);
});

test('one that hangs is given up after five seconds', async () => {
  const { clock, outbox, sent, send } = start();
  outbox.push(() => new Promise(() => {}));
  outbox.push(send('a'));
  await clock.advance(4_999);
  expect(sent).toEqual([]);
  await clock.advance(1);
  expect(sent).toEqual(['a']);
});

test('what nobody takes does not pile up: the oldest are dropped', async () => {
  const { clock, outbox, sent, send, block, release } = start();
  outbox.push(block);
  for (let i = 0; i < 250; i++) outbox.push(send(String(i)));
  release();
  await clock.settle();
  expect([sent.length, sent[0], sent.at(-1)]).toEqual([200, '50', '249']);
});

test('a closed one takes nothing, and does not tell of what fails then', async () => {
  const { clock, outbox, sent, send, failures } = start();
  let fail = (_: Error) => {};
  outbox.push(() => new Promise((_, reject) => (fail = reject)));
  outbox.push(send('a'));
  outbox.close();
  outbox.push(send('b'));
  fail(new Error('handle not found'));
  await clock.settle();
  expect([sent, failures]).toEqual([[], []]);
});
