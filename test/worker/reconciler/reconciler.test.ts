import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import type { WorkerOptions } from '../../../src/worker/define-worker.ts';
import { statedLineage, successorAttributes } from '../../../src/worker/reconciler/lineage.ts';
import { Cluster, type SimRoom, type SimWorker } from './scripted-cluster.ts';

let clock: VirtualClock;
let cluster: Cluster;

beforeEach(() => {
  clock = new VirtualClock({ turns: 4 });
  cluster = new Cluster(clock);
});
afterEach(async () => {
  const stopped = cluster.workers.map(({ manager }) => manager.stop());
  await clock.advance(60_000);
  await Promise.all(stopped);
  expect(clock.pendingTimers).toBe(0);
});

const agentsOf = (room: SimRoom) => cluster.living(room).length;
const later = async (ms: number, check: () => void) => {
  await clock.advance(ms);
  check();
};

describe('rooms that lost their agent', () => {
  test('a host that dies: each of its rooms has another agent within a second, with the same metadata, and the dead one is gone', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const rooms = ['a', 'b', 'c'].map((name) => cluster.open(name));
    await clock.advance(2_000);
    expect(rooms.map(agentsOf)).toEqual([1, 1, 1]);
    worker.crash();
    await clock.advance(1_000);
    for (const room of rooms) {
      expect(cluster.living(room)).toHaveLength(1);
      expect(room.agents.size).toBe(1);
      expect(room.dispatches.map(({ metadata }) => metadata)).toEqual([`for ${room.name}`]);
    }
    expect(worker.manager.status.reconciler).toMatchObject({ redispatched: 3, givenUp: 0 });
  });

  test('a worker that dies with its hosts: another one takes its rooms when the server has noticed', async () => {
    const first = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    await cluster.addWorker();
    first.die();
    await clock.advance(12_000);
    expect(agentsOf(room)).toBe(0);
    await later(15_000, () => expect(agentsOf(room)).toBe(1));
  });

  test.each([12, 15, 50])(
    'an agent that joins after %i s is not taken for dead by workers that look',
    async (seconds) => {
      const first = await cluster.addWorker();
      first.joinMs = seconds * 1_000;
      await clock.advance(100);
      const room = cluster.open('a');
      await clock.advance(1_000);
      await cluster.addWorker();
      await later(120_000, () => expect([agentsOf(room), cluster.created]).toEqual([1, 0]));
    },
  );

  test('an agent that died before anybody saw it is replaced after a minute', async () => {
    const first = await cluster.addWorker();
    first.joinMs = 30_000;
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(1_000);
    first.die();
    await cluster.addWorker();
    await clock.advance(55_000);
    expect(cluster.created).toBe(0);
    await later(15_000, () => expect(agentsOf(room)).toBe(1));
  });

  test('a room that nobody took is taken by a worker that starts later', async () => {
    const room = cluster.open('a');
    await clock.advance(60_000);
    await cluster.addWorker();
    await later(6_000, () => expect(agentsOf(room)).toBe(1));
  });

  test('an entry function that fails is given another try', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    for (const run of [...worker.runs.values()]) run.finish('it broke');
    await later(2_000, () => expect(agentsOf(room)).toBe(1));
    expect(cluster.created).toBe(1);
  });

  test('a room whose jobs die again and again is left after three more tries', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    for (let i = 0; i < 8; i++) {
      await clock.advance(2_000);
      worker.crash();
    }
    await clock.advance(120_000);
    expect([cluster.created, agentsOf(room), room.dispatches.length]).toEqual([3, 0, 0]);
    expect(worker.manager.status.reconciler.givenUp).toBe(1);
    expect(worker.lines.some(({ level, message }) => level === 'error' && message.startsWith('room given up'))).toBe(
      true,
    );
  });

  test('deaths far apart are no reason to give up', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    for (let i = 0; i < 8; i++) {
      await clock.advance(61_000);
      worker.crash();
    }
    await later(2_000, () => expect(agentsOf(room)).toBe(1));
  });

  test.each([2, 3, 4])('with %i workers that all look, a room gets one agent and never two', async (count) => {
    const lost = await cluster.addWorker();
    await clock.advance(100);
    const rooms = Array.from({ length: 12 }, (_, i) => cluster.open(`r${i}`));
    await clock.advance(2_000);
    for (let i = 0; i < count; i++) await cluster.addWorker();
    lost.die();
    for (let i = 0; i < 400; i++) {
      await clock.advance(100);
      for (const room of rooms) expect(agentsOf(room)).toBeLessThanOrEqual(1);
    }
    expect(rooms.map(agentsOf)).toEqual(rooms.map(() => 1));
    expect(rooms.map(({ dispatches }) => dispatches.length)).toEqual(rooms.map(() => 1));
  });

  test('workers that dispatch the same room at the same moment: the server order decides, the others withdraw', async () => {
    const rooms = Array.from({ length: 8 }, (_, i) => cluster.open(`r${i}`));
    await clock.advance(20_000);
    for (let i = 0; i < 4; i++) (await cluster.addWorker({}, 1)).api.latencyMs = 100;
    for (let i = 0; i < 300; i++) {
      await clock.advance(100);
      for (const room of rooms) expect(agentsOf(room)).toBeLessThanOrEqual(1);
    }
    expect(cluster.created).toBe(4 * rooms.length);
    expect(rooms.map((room) => [agentsOf(room), room.dispatches.length])).toEqual(rooms.map(() => [1, 1]));
  });
});

describe('an agent whose connection is made anew in full', () => {
  const started = async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(12_000);
    const [agent] = cluster.living(room);
    if (agent === undefined) throw new Error('no agent');
    return { worker, room, agent };
  };

  test('goes on, although the server has ended its job; it ends when its dispatch is deleted later', async () => {
    const { room, agent } = await started();
    await cluster.addWorker();
    void cluster.reconnect(room, agent, 1_000);
    await clock.advance(60_000);
    expect([cluster.living(room), cluster.created, room.dispatches.length]).toEqual([[agent], 0, 1]);
    cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '');
    await later(10_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });

  test('a dispatch that is deleted ends the call at once', async () => {
    const { room } = await started();
    cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '');
    await later(200, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });

  test('a dispatch that is deleted while the API is away ends the call when the server sends the agent away', async () => {
    const { worker, room } = await started();
    worker.api.isDown = true;
    cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '');
    await later(5_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });
});

describe('a call that outlives a restart of the server', () => {
  const started = async (options: Partial<WorkerOptions> = {}) => {
    await cluster.addWorker(options);
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(10_000);
    const [agent] = cluster.living(room);
    if (agent === undefined) throw new Error('no agent');
    return { room, agent };
  };
  /** The most agents that were there at the same time. */
  const most = async (room: SimRoom, ms: number) => {
    let count = 0;
    for (let passed = 0; passed < ms; passed += 250) {
      await clock.advance(250);
      count = Math.max(count, agentsOf(room));
    }
    return count;
  };

  test.each([
    ['the agent is back first', 500],
    ['the user is back first', 3_000],
    ['the agent is back much later', 7_000],
  ])('%s: it keeps its agent, and gets no other one', async (_, agentsMs) => {
    const { room, agent } = await started();
    void cluster.restart(agentsMs, true);
    expect(await most(room, 60_000)).toBe(1);
    expect([cluster.living(room), cluster.created]).toEqual([[agent], 0]);
  });

  test.each([
    ['made anew', true],
    ['forgotten by the server', false],
  ])('its agent dies later, its dispatch was %s: another one comes', async (_, isImplicit) => {
    const { room, agent } = await started();
    void cluster.restart(2_000, isImplicit);
    await clock.advance(30_000);
    cluster.workers[0]?.crash();
    await clock.advance(2_000);
    expect(cluster.living(room)).toHaveLength(1);
    expect(cluster.living(room)).not.toContain(agent);
    expect(room.dispatches).toHaveLength(1);
  });

  test('its agent, which had replaced one before, dies later, its dispatch forgotten: another one comes', async () => {
    const { room } = await started();
    cluster.workers[0]?.crash();
    await clock.advance(5_000);
    expect(cluster.living(room)).toHaveLength(1);
    const [agent] = cluster.living(room);
    void cluster.restart(2_000, false);
    await clock.advance(30_000);
    cluster.workers[0]?.crash();
    await clock.advance(5_000);
    expect(cluster.living(room)).toHaveLength(1);
    expect(cluster.living(room)).not.toContain(agent);
  });

  test('its agent never comes back: another one does', async () => {
    const { room } = await started();
    void cluster.restart(40_000, true);
    await clock.advance(10_000);
    for (const run of [...(cluster.workers[0]?.runs.values() ?? [])]) run.finish(null);
    await later(5_000, () => expect(room.agents.size).toBe(1));
  });

  test('it ends on purpose soon after, in a server of many rooms: no other agent comes', async () => {
    const { room } = await started();
    for (let i = 0; i < 60; i++) cluster.open(`of-others-${i}`, 'another-agent');
    void cluster.restart(500, true);
    await clock.advance(12_000);
    for (const run of [...(cluster.workers[0]?.runs.values() ?? [])]) run.finish(null);
    await clock.advance(60_000);
    expect([agentsOf(room), cluster.created]).toEqual([0, 0]);
  });

  test.each([
    ['breaks', () => [...(cluster.workers[0]?.runs.values() ?? [])].at(-1)?.finish('it broke')],
    ['is handed over', () => void cluster.workers[0]?.manager.handOver()],
  ])('its dispatch was forgotten by the server, and its job %s: another agent comes', async (_, end) => {
    const { room, agent } = await started();
    void cluster.restart(2_000, false);
    await clock.advance(30_000);
    await cluster.addWorker();
    end();
    await clock.advance(5_000);
    expect(cluster.living(room)).toHaveLength(1);
    expect(cluster.living(room)).not.toContain(agent);
  });

  test.each([
    ['the agent is back first', 500],
    ['the user is back first', 7_000],
  ])(
    'another worker is offered it, %s: the call keeps its agent, and the other one is sent away',
    async (_, agentsMs) => {
      const { room, agent } = await started({ maxJobs: 1 });
      await cluster.addWorker();
      await clock.advance(2_000);
      void cluster.restart(agentsMs, true);
      await clock.advance(15_000);
      expect([cluster.living(room), cluster.created]).toEqual([[agent], 0]);
      cluster.workers[0]?.crash();
      await clock.advance(5_000);
      expect(agentsOf(room)).toBe(1);
    },
  );

  test('a dispatch that nobody could take is left alone by workers that see the agent', async () => {
    const { room, agent } = await started({ maxJobs: 1 });
    void cluster.restart(500, true);
    await clock.advance(7_000);
    await cluster.addWorker();
    expect(await most(room, 40_000)).toBe(1);
    expect([cluster.living(room), cluster.created]).toEqual([[agent], 0]);
  });
});

test('a worker that hands over: its rooms go on at another worker, and that is no death', async () => {
  const worker = await cluster.addWorker();
  await clock.advance(100);
  const room = cluster.open('a');
  await clock.advance(2_000);
  const other = await cluster.addWorker();
  await clock.advance(100);
  const done = worker.manager.handOver();
  await clock.advance(1_000);
  await done;
  expect([agentsOf(room), room.dispatches.length, other.running.size]).toEqual([1, 1, 1]);
  expect(statedLineage(room.dispatches[0] ?? { attributes: {} })).toMatchObject({ generation: 1, deaths: 0 });
});

describe('rooms that are to have no agent', () => {
  test.each([
    ['the job asked to end', (room: SimRoom) => cluster.living(room)[0]?.leave('shutdown')],
    ['the dispatch was deleted', (room: SimRoom) => cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '')],
  ])('%s: nobody dispatches it again', async (_, end) => {
    await cluster.addWorker();
    await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    end(room);
    await clock.advance(60_000);
    expect([agentsOf(room), cluster.created]).toEqual([0, 0]);
  });

  test('the job asked to end, and its shutdown callbacks take a while: no other worker takes the room', async () => {
    const worker = await cluster.addWorker();
    worker.shutdownMs = 8_000;
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    await cluster.addWorker();
    [...worker.runs.values()].at(-1)?.finish(null);
    await clock.advance(60_000);
    expect([agentsOf(room), cluster.created]).toEqual([0, 0]);
  });

  test.each([0, 1_000])('its agent left by itself, and the entry function goes on (looks %i ms later)', async (ms) => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    for (let i = 0; i < 4; i++) await cluster.addWorker();
    await clock.advance(ms);
    [...worker.runs.values()].at(-1)?.leave();
    await clock.advance(60_000);
    expect([agentsOf(room), cluster.created, worker.runs.size]).toEqual([0, 0, 1]);
  });

  test('a session that broke leaves as well, before its job has failed: that room gets another agent', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    const run = [...worker.runs.values()].at(-1);
    run?.leave();
    await clock.advance(1_000);
    run?.finish('it broke');
    await later(5_000, () => expect([agentsOf(room), cluster.created]).toEqual([1, 1]));
  });

  test.each([
    ['ends', (worker: SimWorker) => [...worker.runs.values()].at(-1)?.finish(null)],
    ['fails', (worker: SimWorker) => [...worker.runs.values()].at(-1)?.finish('it broke')],
    ['dies', (worker: SimWorker) => worker.die()],
  ])('the job of a room %s, and others have jobs of the same dispatch: it stays, and so do they', async (_, end) => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    await cluster.addWorker();
    const other = cluster.share(room);
    end(worker);
    await clock.advance(90_000);
    expect(cluster.living(room).map(({ identity }) => identity)).toEqual([other]);
    expect([room.dispatches.length, cluster.created]).toEqual([1, 0]);
  });

  test('the user left: neither is the room opened again', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    room.users.clear();
    worker.crash();
    cluster.userLeaves(room);
    await clock.advance(30_000);
    expect([cluster.created, cluster.rooms.size]).toEqual([0, 0]);
  });

  test('a room that closed and was opened again under its name is not meant', async () => {
    await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a', 'another-agent');
    const lineage = { root: 'AD_0', generation: 0, deaths: 0, roomSid: 'RM_of_before' };
    const dispatch = cluster.ask(room, successorAttributes({ attributes: {} }, lineage));
    await clock.advance(30_000);
    expect([agentsOf(room), dispatch.jobs.map(({ status }) => status), cluster.created]).toEqual([0, ['success'], 0]);
  });

  test('calls that a drain ended by force stay ended, those that die while it waits do not', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const [ended, died] = [cluster.open('a'), cluster.open('b')];
    await clock.advance(2_000);
    await cluster.addWorker();
    const drained = worker.manager.drain();
    await clock.advance(1_000);
    [...worker.runs.values()][1]?.crash();
    await clock.advance(3_000);
    void worker.manager.stop();
    await clock.advance(40_000);
    await drained;
    expect([ended, died].map(agentsOf)).toEqual([0, 1]);
  });

  test('a dispatch that was deleted while the worker was away from the server ends the job at a look', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    worker.cut();
    await clock.advance(15_000);
    expect(worker.manager.status.state).toBe('available');
    cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '');
    await later(10_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });

  test('a room that the filter refused is not offered for ever', async () => {
    let asked = 0;
    const refuse = () => {
      asked++;
      return false;
    };
    await cluster.addWorker({ requestFilter: refuse });
    await cluster.addWorker({ requestFilter: refuse });
    await clock.advance(100);
    cluster.open('a');
    await clock.advance(300_000);
    expect(asked).toBeLessThan(2 * 10);
  });

  test('rooms of other agents are left alone', async () => {
    await cluster.addWorker();
    await clock.advance(100);
    cluster.open('a', 'another-agent');
    await clock.advance(60_000);
    expect(cluster.created).toBe(0);
  });

  test.each([
    ['reconcile: false', { reconcile: false }],
    ['jobs for single participants', { kinds: ['participant' as const] }],
  ])('off: %s', async (_, options) => {
    const worker = await cluster.addWorker(options);
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    worker.crash();
    await clock.advance(60_000);
    expect([agentsOf(room), cluster.created]).toEqual([0, 0]);
    expect(worker.manager.status.reconciler.state).toBe('off');
  });
});

describe('a worker that dispatches nothing again', () => {
  const off = [
    ['reconcile: false', { reconcile: false }],
    ['jobs for single participants', { kinds: ['participant' as const] }],
  ] as const;
  const started = async (options: Partial<WorkerOptions>) => {
    const worker = await cluster.addWorker(options);
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(10_000);
    return { worker, room, id: room.dispatches[0]?.id ?? '' };
  };

  test.each(off)('asks nothing while the server can tell it all (%s)', async (_, options) => {
    const { worker } = await started(options);
    await clock.advance(60_000);
    expect(worker.asked).toBe(0);
  });

  test.each(off)('hears of a dispatch that was deleted after its socket was made anew (%s)', async (_, options) => {
    const { worker, room, id } = await started(options);
    worker.cut();
    await clock.advance(15_000);
    expect(agentsOf(room)).toBe(1);
    cluster.deleteDispatch(room, id);
    await later(10_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });

  test.each(off)('hears of one that was deleted after its agent reconnected in full (%s)', async (_, options) => {
    const { room, id } = await started(options);
    const [agent] = cluster.living(room);
    if (agent !== undefined) await Promise.all([cluster.reconnect(room, agent, 1_000), clock.advance(15_000)]);
    expect(agentsOf(room)).toBe(1);
    cluster.deleteDispatch(room, id);
    await later(10_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
  });

  test.each(off.slice(0, 1))(
    'hears, after a restart of the server, of one that was made anew and deleted (%s)',
    async (_, options) => {
      const { worker, room } = await started(options);
      void cluster.restart(500, true);
      await clock.advance(30_000);
      expect([agentsOf(room), worker.running.size]).toEqual([1, 0]);
      cluster.deleteDispatch(room, room.dispatches[0]?.id ?? '');
      await later(10_000, () => expect([agentsOf(room), cluster.created]).toEqual([0, 0]));
    },
  );
});

describe('an API that does not answer', () => {
  test('is asked less and less often, is seen in the status, and harms no call', async () => {
    const worker = await cluster.addWorker();
    worker.api.isDown = true;
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(300_000);
    expect(agentsOf(room)).toBe(1);
    expect(worker.manager.status).toMatchObject({ state: 'available', reconciler: { state: 'backingOff' } });
    expect(worker.lines.filter(({ message }) => message === 'the rooms could not be looked through').length).toBe(1);
  });

  test('a death that could not be mended at once is not forgotten: nobody waits until the server has noticed it', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    worker.api.isDown = true;
    worker.crash();
    await clock.advance(500);
    worker.api.isDown = false;
    await later(5_000, () => expect([agentsOf(room), room.agents.size]).toEqual([1, 1]));
  });

  test('a job that ended on purpose meanwhile is told when it answers', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    worker.api.isDown = true;
    cluster.living(room)[0]?.leave('shutdown');
    await clock.advance(60_000);
    worker.api.isDown = false;
    await clock.advance(90_000);
    expect([agentsOf(room), room.dispatches.length, cluster.created]).toEqual([0, 0, 0]);
  });

  test('a room whose agent died meanwhile is dispatched again when it answers', async () => {
    const worker = await cluster.addWorker();
    await clock.advance(100);
    const room = cluster.open('a');
    await clock.advance(2_000);
    worker.api.isDown = true;
    worker.crash();
    await later(60_000, () => expect(agentsOf(room)).toBe(0));
    worker.api.isDown = false;
    await later(60_000, () => expect(agentsOf(room)).toBe(1));
  });
});

describe('whatever happens', () => {
  /** Two agents are seen and told apart from one within a few looks. */
  const LONGEST_DOUBLE_MS = 12_000;
  const STEP_MS = 250;
  const step = fc.record({
    act: fc.constantFrom('open', 'crash', 'die', 'start', 'down', 'up', 'slow', 'cut', 'shutdown', 'leave'),
    at: fc.nat(7),
    waitMs: fc.integer({ min: 0, max: 12_000 }),
  });

  /** The other worker looks quickly, and was faster than the one that tells the server of the end. */
  const ENDED_BEHIND_A_SLOW_API = [
    { act: 'slow', at: 6, waitMs: 0 },
    { act: 'open', at: 0, waitMs: 0 },
    { act: 'start', at: 0, waitMs: 10_001 },
    { act: 'shutdown', at: 0, waitMs: 0 },
    ...Array.from({ length: 4 }, () => ({ act: 'open', at: 0, waitMs: 0 }) as const),
  ] as const;

  test('every room with a user gets one living agent in the end, rooms ended on purpose none, and two never last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const time = new VirtualClock({ turns: 3 });
        const sim = new Cluster(time);
        const rooms: SimRoom[] = [];
        const ended = new Set<SimRoom>();
        const doubledMs = new Map<SimRoom, number>();
        const pass = async (ms: number) => {
          for (let passed = 0; passed < ms; passed += STEP_MS) {
            await time.advance(STEP_MS);
            for (const room of rooms) {
              const doubled = sim.living(room).length > 1 ? (doubledMs.get(room) ?? 0) + STEP_MS : 0;
              doubledMs.set(room, doubled);
              expect(doubled).toBeLessThan(LONGEST_DOUBLE_MS);
            }
          }
        };
        const isUp = () => sim.workers.every(({ api }) => !api.isDown);
        const living = () => sim.workers.filter((each) => !each.isDead);
        await sim.addWorker();
        for (const { act, at, waitMs } of steps) {
          const worker = living()[at % Math.max(1, living().length)];
          const room = rooms[at % Math.max(1, rooms.length)];
          if (act === 'open') rooms.push(sim.open(`r${rooms.length}`));
          else if (act === 'crash') worker?.crash();
          else if (act === 'die') worker?.die();
          else if (act === 'start' && living().length < 4) await sim.addWorker({}, at % 2);
          else if (act === 'down' && worker !== undefined) worker.api.isDown = true;
          else if (act === 'up' && worker !== undefined) worker.api.isDown = false;
          else if (act === 'slow' && worker !== undefined) worker.api.latencyMs = at * 90;
          else if (act === 'cut') worker?.cut();
          else if (act === 'shutdown' && room !== undefined && isUp() && sim.living(room).length === 1) {
            ended.add(room);
            sim.living(room)[0]?.leave('on purpose');
            // Until the server has been told so, nobody else can know that it was on purpose.
            await pass(3_000);
          } else if (act === 'leave' && room !== undefined) {
            ended.add(room);
            sim.userLeaves(room);
          }
          await pass(waitMs);
        }
        if (living().length === 0) await sim.addWorker();
        for (const { api } of sim.workers) api.isDown = false;
        await pass(150_000);
        const givenUp = sim.workers.reduce((sum, { manager }) => sum + manager.status.reconciler.givenUp, 0);
        const counts = rooms.filter((room) => !ended.has(room)).map((room) => sim.living(room).length);
        expect(counts.filter((count) => count > 1)).toEqual([]);
        expect(counts.filter((count) => count === 0).length).toBeLessThanOrEqual(givenUp);
        expect([...ended].map((room) => sim.living(room).length)).toEqual([...ended].map(() => 0));
        const stopped = sim.workers.map(({ manager }) => manager.stop());
        await time.advance(60_000);
        await Promise.all(stopped);
        expect(time.pendingTimers).toBe(0);
      }),
      { numRuns: Number(process.env.RUNS ?? 25), examples: [[[...ENDED_BEHIND_A_SLOW_API]]] },
    );
  }, 60_000);
});
