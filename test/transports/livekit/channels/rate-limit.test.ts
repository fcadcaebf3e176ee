import { expect, test } from 'vitest';
import { RateLimit } from '../../../../src/transports/livekit/channels/rate-limit.ts';

/** How many of `count` are taken at this time. */
const taken = (limit: RateLimit, sender: string, atMs: number, count = 100) =>
  Array.from({ length: count }, () => limit.take(sender, atMs)).filter(Boolean).length;

test('a burst is taken at once, then so many a second, and never more than a burst after a pause', () => {
  const limit = new RateLimit({ burst: 4, perSecond: 2 });
  expect(taken(limit, 'a', 0)).toBe(4);
  expect(taken(limit, 'a', 499)).toBe(0);
  expect(taken(limit, 'a', 1_000)).toBe(2);
  expect(taken(limit, 'a', 1_000_000)).toBe(4);
});

test('one sender does not use up what is for another', () => {
  const limit = new RateLimit({ burst: 2, perSecond: 1 });
  expect(taken(limit, 'a', 0)).toBe(2);
  expect(taken(limit, 'b', 0)).toBe(2);
});

test('of very many senders the one that was quiet longest is forgotten', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 0 });
  expect(taken(limit, 'old', 0)).toBe(1);
  for (let i = 0; i < 99; i++) limit.take(`s${i}`, 0);
  expect(limit.take('old', 0)).toBe(false); // the newest now
  for (let i = 0; i < 99; i++) limit.take(`t${i}`, 0);
  expect(limit.take('old', 0)).toBe(false);
  for (let i = 0; i < 100; i++) limit.take(`u${i}`, 0);
  expect(limit.take('old', 0)).toBe(true);
});
