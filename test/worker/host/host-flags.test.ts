import { expect, test } from 'vitest';
import { hostFlags } from '../../../src/worker/host/host-flags.ts';

test('hosts have a small young generation, and the flags of the worker', () => {
  expect(hostFlags(['--enable-source-maps'])).toEqual(['--enable-source-maps', '--max-semi-space-size=4']);
});

test.each([
  ['by a flag of the worker', ['--max-semi-space-size=32'], ''],
  ['in the other spelling', ['--max_semi_space_size=32'], ''],
  ['by NODE_OPTIONS', [], '--max-old-space-size=900 --max-semi-space-size=32'],
])('a size that somebody chose stays: %s', (_, execArgv, nodeOptions) => {
  expect(hostFlags(execArgv, nodeOptions)).toEqual(execArgv);
});
