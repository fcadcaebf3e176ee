import { describe, expect, test } from 'vitest';
import {
  lineageOf,
  REDISPATCH_ATTRIBUTE,
  statedLineage,
  successorAttributes,
  winnerOf,
} from '../../../src/worker/reconciler/lineage.ts';
import type { ServerDispatch } from '../../../src/worker/server/server-api.ts';

const lineage = { root: 'AD_1', generation: 2, deaths: 1, roomSid: 'RM_1' };

function dispatch(id: string, createdAtEpochMs: number, generation = 0, root = 'AD_1'): ServerDispatch {
  const attributes: Record<string, string> =
    generation === 0
      ? {}
      : { [REDISPATCH_ATTRIBUTE]: JSON.stringify({ root, generation, deaths: 0, roomSid: 'RM_1' }) };
  return { id, createdAtEpochMs, attributes } as ServerDispatch; // what an order needs
}

describe('lineage', () => {
  test('a successor is one generation later and keeps the attributes of the application', () => {
    const attributes = successorAttributes({ attributes: { theirs: 'x' } }, lineage);
    expect(attributes.theirs).toBe('x');
    expect(statedLineage({ attributes })).toEqual({ ...lineage, generation: 3 });
  });

  test.each([
    'not json',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...lineage, generation: -1 }),
    JSON.stringify({ ...lineage, deaths: 'many' }),
    JSON.stringify({ ...lineage, root: 7 }),
    JSON.stringify({ ...lineage, roomSid: null }),
  ])('what cannot be read counts as none: %s', (text) => {
    const attributes = { [REDISPATCH_ATTRIBUTE]: text };
    expect(statedLineage({ attributes })).toBeNull();
    expect(lineageOf({ id: 'AD_9', attributes }, 'RM_1')).toEqual({
      root: 'AD_9',
      generation: 0,
      deaths: 0,
      roomSid: 'RM_1',
    });
  });

  test.each([
    ['the latest generation', [dispatch('AD_1', 1), dispatch('AD_2', 5, 1), dispatch('AD_3', 9, 2)], 'AD_3'],
    ['of a generation the one that was made first', [dispatch('AD_2', 6, 1), dispatch('AD_3', 5, 1)], 'AD_3'],
    ['of the same moment the lower id', [dispatch('AD_3', 5, 1), dispatch('AD_2', 5, 1)], 'AD_2'],
    ['an old generation that came late', [dispatch('AD_2', 5, 2), dispatch('AD_3', 9, 1)], 'AD_2'],
    ['of its own root', [dispatch('AD_1', 1), dispatch('AD_7', 1, 5, 'AD_6')], 'AD_1'],
    ['nobody', [dispatch('AD_8', 1)], undefined],
  ] as const)('the winner is %s, in whatever order they are listed', (_, dispatches, expected) => {
    expect(winnerOf(dispatches, 'AD_1')?.id).toBe(expected);
    expect(winnerOf([...dispatches].reverse(), 'AD_1')?.id).toBe(expected);
  });
});
