import { expect, test } from 'vitest';
import { createRuntime, type SupervisedEngines } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

test('engines given with the providers start with the runtime and stop with it', async () => {
  const told: string[] = [];
  const engines = (label: string): SupervisedEngines => ({
    label,
    start: async () => void told.push(`${label} started`),
    stop: () => void told.push(`${label} stopped`),
  });
  const clock = new VirtualClock();
  const runtime = createRuntime({ clock, providers: { engines: [engines('a'), engines('b')] } });
  await clock.settle();
  expect(told).toEqual(['a started', 'b started']);
  const closed = runtime.close();
  await clock.advance(1_000);
  await closed;
  expect(told.slice(2).sort()).toEqual(['a stopped', 'b stopped']);
});
