import { afterEach, describe, expect, it } from 'vitest';
import { engineModule } from '../../../../src/providers/local/worker/engine.ts';
import { type EngineHost, openEngineHost } from '../../../../src/providers/local/worker/engine-host.ts';
import { EnginePool, type EnginePoolOptions } from '../../../../src/providers/local/worker/engine-pool.ts';

const pools: EnginePool[] = [];
const spec = { kind: 'thread', module: engineModule(import.meta.url, './echo-engine') } as const;
function pool(options: Partial<EnginePoolOptions> = {}): EnginePool & { hosts: EngineHost[] } {
  const hosts: EngineHost[] = [];
  const made = new EnginePool({
    label: 'echo',
    prepare: () => spec,
    openHost: (hostOptions) => {
      const host = openEngineHost(hostOptions);
      hosts.push(host);
      return host;
    },
    ...options,
  });
  pools.push(made);
  return Object.assign(made, { hosts });
}
async function allReady(of: EnginePool & { hosts: EngineHost[] }, count: number): Promise<void> {
  while (of.ready < count) await of.hosts.at(-1)?.ready.then(() => new Promise(setImmediate));
}

afterEach(() => {
  for (const made of pools.splice(0)) made.stop();
});

describe('a pool of engines', () => {
  it('starts nothing before it is used', async () => {
    const echo = pool({ spares: 1 });
    expect(echo.hosts).toHaveLength(0);
    expect(await echo.request({ do: 'echo', value: 1 })).toBe(1);
    expect(echo.hosts.length).toBeGreaterThan(0);
  });

  it('gives a retry to the warm spare when the working host dies, and replaces the spare', async () => {
    const echo = pool({ spares: 1 });
    await echo.start();
    await allReady(echo, 2);
    const downs: string[] = [];
    echo.onDown((down) => downs.push(down.error.code));
    await expect(echo.request({ do: 'exit' })).rejects.toMatchObject({ code: 'ERR_ENGINE', retryable: true });
    expect(echo.ready).toBe(1);
    expect(await echo.request({ do: 'echo', value: 'again' })).toBe('again');
    await allReady(echo, 2);
    expect(echo.hosts).toHaveLength(3);
    expect(downs).toEqual(['ERR_ENGINE']);
  });

  it('survives six kills in the middle of a request', async () => {
    const echo = pool({ spares: 1 });
    for (let round = 0; round < 6; round++) {
      await expect(echo.request({ do: 'spin' }, { deadlineMs: 20 })).rejects.toMatchObject({ retryable: true });
      expect(await echo.request({ do: 'echo', value: round })).toBe(round);
    }
  });

  it('tells those who wait why a start failed, and tries again for the next request', async () => {
    let tries = 0;
    const echo = pool({
      prepare: () => {
        if (++tries === 1) throw new Error('no model');
        return spec;
      },
    });
    await expect(echo.request({ do: 'echo' })).rejects.toThrow('no model');
    expect(await echo.request({ do: 'echo', value: 1 })).toBe(1);
  });

  it('stops starting hosts when too many were started within the period', async () => {
    const echo = pool({ maxStarts: 3, prepare: () => ({ ...spec, options: { refuse: 'broken' } }) });
    for (let i = 0; i < 5; i++) await expect(echo.request({})).rejects.toThrow('broken');
    expect(echo.hosts).toHaveLength(3);
  });

  it('rejects what waits when it is stopped, and everything until it is started again', async () => {
    const echo = pool();
    const early = echo.request({ do: 'echo', value: 1 });
    echo.stop();
    echo.stop();
    await expect(early).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(echo.request({ do: 'echo', value: 2 })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(echo.hosts.filter((host) => host.state !== 'down')).toEqual([]);
    await echo.start();
    expect(await echo.request({ do: 'echo', value: 3 })).toBe(3);
  });

  it('stopped in the middle of a request rejects it and replaces nothing', async () => {
    const echo = pool({ spares: 1 });
    await echo.start();
    await allReady(echo, 2);
    const hung = echo.request({ do: 'spin' });
    await Promise.resolve(); // the request is on its way to the host
    echo.stop();
    await expect(hung).rejects.toMatchObject({ code: expect.stringMatching(/ERR_ENGINE|ERR_CLOSED/) });
    expect([echo.ready, echo.hosts.length]).toEqual([0, 2]);
  });

  it('a listener that throws does not stop the healing', async () => {
    const echo = pool();
    echo.onDown(() => {
      throw new Error('listener');
    });
    await expect(echo.request({ do: 'exit' })).rejects.toMatchObject({ code: 'ERR_ENGINE' });
    expect(await echo.request({ do: 'echo', value: 3 })).toBe(3);
  });
});
