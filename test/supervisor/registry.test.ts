import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import {
  kill,
  Registry,
  type RegistryChange,
  registry,
  registryOf,
  startChild,
  startRoot,
  supervisor,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { counts, show, world } from './world.ts';

describe('registry', () => {
  test('a unique name has one living owner and is free again when the owner has ended', () => {
    const { top, child, ref, quit } = world();
    top([child('a', { restart: 'temporary' }), child('b')]);
    const names = new Registry();
    expect(names.register('x', ref('a'), 1)).toEqual({ ok: true });
    expect(names.register('x', ref('b'))).toEqual({ ok: false, reason: 'already_registered', ref: ref('a') });
    expect(names.register('x', ref('a'), 2)).toEqual({ ok: true });
    expect(names.lookup('x')).toEqual([{ ref: ref('a'), value: 2 }]);
    quit('a');
    expect([names.whereis('x'), names.size]).toEqual([undefined, 0]);
    expect(names.register('x', ref('b'))).toEqual({ ok: true });
    expect(names.register('y', ref('a'))).toEqual({ ok: false, reason: 'noproc' });
  });

  test('a duplicate name has any number of owners, in order of registration', () => {
    const { top, child, ref, quit } = world();
    top([child('a', { restart: 'temporary' }), child('b'), child('c')]);
    const group = new Registry({ keys: 'duplicate' });
    for (const id of ['a', 'b', 'c']) group.register('g', ref(id), id);
    const values = () => group.lookup('g').map(({ value }) => value);
    expect(values()).toEqual(['a', 'b', 'c']);
    quit('a');
    expect(values()).toEqual(['b', 'c']);
    group.unregister('g', ref('b'));
    expect(values()).toEqual(['c']);
    expect(group.namesOf(ref('c'))).toEqual(['g']);
  });

  test('dispatch runs in the caller and ends at the first callback that throws', () => {
    const { top, child, ref } = world();
    top([child('a'), child('b')]);
    const group = new Registry({ keys: 'duplicate' });
    for (const id of ['a', 'b']) group.register('g', ref(id), id);
    const met: unknown[] = [];
    const fn = ({ value }: { value: unknown }) => {
      met.push(value);
      throw new Error('stop');
    };
    expect(() => group.dispatch('g', fn)).toThrow('stop');
    expect(met).toEqual(['a']);
  });

  test('changes are told; a listener that throws is harmless', () => {
    const { top, child, ref, quit } = world();
    top([child('a')]);
    const changes: string[] = [];
    const onChange = ({ kind, name }: RegistryChange) => {
      changes.push(`${kind} ${name}`);
      throw new Error('listener');
    };
    const names = new Registry({ onChange });
    names.register('x', ref('a'));
    quit('a');
    expect(changes).toEqual(['registered x', 'unregistered x']);
  });

  test('a name that is taken fails the start of a child, and nothing of it is left', async () => {
    const names = new Registry();
    const { top, child, ref } = world();
    const sup = top([child('a', { name: 'x' })], { registry: names });
    const second = await startChild(sup, child('b', { name: 'x' }));
    expect(second).toMatchObject({ ok: false, reason: 'start_failed', exit: { error: { code: 'ERR_SUPERVISOR' } } });
    expect([show(sup), names.whereis('x')]).toEqual(['a:up', ref('a')]);
  });

  test('the registry of startRoot serves every supervisor that has none of its own', () => {
    const names = new Registry();
    const { child, ref } = world();
    const inner = supervisor({ id: 'inner', children: [child('w', { name: 'worker' })] });
    const own = new Registry();
    const apart = supervisor({ id: 'apart', registry: own, children: [child('x', { name: 'worker' })] });
    const children = [
      child('s', { logic: inner as AnyActorLogic, name: 'inner' }),
      child('t', { logic: apart as AnyActorLogic }),
    ];
    startRoot(supervisor({ id: 'top', children }), { clock: new VirtualClock(), registry: names });
    expect([names.whereis('inner'), names.whereis('worker'), own.whereis('worker')]).toEqual([
      ref('s'),
      ref('w'),
      ref('x'),
    ]);
  });

  test('a failed start gives its name back', async () => {
    const names = new Registry();
    const { top, child } = world();
    const sup = top([], { registry: names });
    const crashing = {
      getInitialSnapshot: () => {
        throw new Error('init');
      },
      transition: (s: unknown) => s,
    };
    await startChild(sup, { id: 'a', start: () => ({ logic: crashing as unknown as AnyActorLogic, name: 'x' }) });
    expect([names.size, counts(sup)]).toEqual([0, [0, 0, 0, 0]]);
    expect(await startChild(sup, child('b', { name: 'x' }))).toMatchObject({ ok: true });
  });

  test('an unknown kind of keys is refused', () => {
    expect(() => new Registry({ keys: 'some' as 'unique' })).toThrow(expect.objectContaining({ field: 'keys' }));
    expect(() => registry({ keys: 'some' as 'unique' })).toThrow(expect.objectContaining({ field: 'keys' }));
  });
});

describe('registry as an actor', () => {
  test('registers, publishes and tells by events; its names die with it', () => {
    const { top, child, ref, quit, log } = world();
    top([child('names', { logic: registry({ keys: 'duplicate' }) as AnyActorLogic }), child('a'), child('b')], {
      intensity: 9,
    });
    const told: string[] = [];
    ref('names').on('*', ({ type, name }) => told.push(`${type} ${name}`));
    for (const id of ['a', 'b']) ref('names').send({ type: 'registry.register', name: 'g', ref: ref(id) });
    expect(
      registryOf(ref('names'))
        ?.lookup('g')
        .map((entry) => entry.ref),
    ).toEqual([ref('a'), ref('b')]);
    ref('names').send({ type: 'registry.unregister', name: 'g', ref: ref('b') });
    log.length = 0;
    ref('names').send({ type: 'registry.publish', name: 'g', event: { type: 'quit' } });
    expect(log).toEqual(['end a', 'start a']);
    expect(told).toEqual(['registered g', 'registered g', 'unregistered g', 'unregistered g']);
    ref('names').send({ type: 'registry.register', name: 'g', ref: ref('b') });
    const before = registryOf(ref('names'));
    kill(ref('names'));
    expect([before?.size, registryOf(ref('names'))?.size]).toEqual([0, 0]);
    quit('b');
    expect(registryOf(ref('b'))).toBeUndefined();
  });
});
