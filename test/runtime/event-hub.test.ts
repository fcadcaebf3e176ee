import { expect, test } from 'vitest';
import type { Problem } from '../../src/observer.ts';
import { EventHub } from '../../src/runtime/event-hub.ts';

const idle = { sessionId: 's', fromState: 'connecting', toState: 'idle' } as const;

test('listeners are told in order of registration, those of every event last', () => {
  const hub = new EventHub(() => {});
  const told: string[] = [];
  hub.onAny((name) => told.push(`any ${name}`));
  hub.on('state_changed', () => told.push('first'));
  hub.on('state_changed', () => told.push('second'));
  hub.on('session_started', () => told.push('other'));
  hub.emit('state_changed', idle);
  expect(told).toEqual(['first', 'second', 'any state_changed']);
});

test('a listener that throws or rejects is reported, and the others are told', async () => {
  const problems: Problem[] = [];
  const hub = new EventHub((problem) => problems.push(problem));
  const told: string[] = [];
  hub.on('state_changed', () => {
    throw new Error('thrown');
  });
  hub.on('state_changed', () => Promise.reject(new Error('rejected')));
  hub.on('state_changed', () => told.push('told'));
  hub.emit('state_changed', idle);
  await Promise.resolve();
  expect(told).toEqual(['told']);
  expect(problems.map(({ where, error }) => `${where}: ${error}`)).toEqual([
    'listener state_changed: Error: thrown',
    'listener state_changed: Error: rejected',
  ]);
});

test('a listener is not told after it was removed, not even by one that was told before it', () => {
  const hub = new EventHub(() => {});
  const told: string[] = [];
  hub.on('state_changed', () => stop());
  const stop = hub.on('state_changed', () => told.push('removed'));
  hub.emit('state_changed', idle);
  hub.onAny(() => told.push('any'));
  hub.clear();
  hub.emit('state_changed', idle);
  expect(told).toEqual([]);
});
