import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../../../../src/clock.ts';
import type { AgentError } from '../../../../src/errors.ts';
import { engineModule } from '../../../../src/providers/local/worker/engine.ts';
import {
  type EngineHost,
  type EngineHostOptions,
  openEngineHost,
} from '../../../../src/providers/local/worker/engine-host.ts';

const open: EngineHost[] = [];
function host(kind: 'thread' | 'process', more: Partial<EngineHostOptions> = {}): EngineHost {
  const made = openEngineHost({
    label: 'echo',
    kind,
    module: engineModule(import.meta.url, './echo-engine'),
    clock: realClock,
    ...more,
  });
  open.push(made);
  return made;
}
const downOf = (of: EngineHost) => new Promise<AgentError>((resolve) => of.onDown(resolve));

afterEach(() => {
  for (const made of open.splice(0)) made.terminate();
});

describe.each(['thread', 'process'] as const)('an engine in a %s', (kind) => {
  it('answers, with typed arrays in both directions', async () => {
    const samples = Float32Array.of(0.5, -0.25);
    expect(await host(kind).request({ do: 'echo', value: samples })).toEqual(samples);
  });

  it('streams intermediate answers in order before the answer', async () => {
    const parts: unknown[] = [];
    const answer = await host(kind).request(
      { do: 'stream', value: [1, 2, 3] },
      { onMessage: (part) => parts.push(part) },
    );
    expect(parts).toEqual([1, 2, 3]);
    expect(answer).toEqual([1, 2, 3]);
  });

  it('fails one request when the engine throws and answers the next', async () => {
    const echo = host(kind);
    await expect(echo.request({ do: 'throw' })).rejects.toMatchObject({ code: 'ERR_ENGINE', retryable: true });
    expect(await echo.request({ do: 'echo', value: 7 })).toBe(7);
  });

  it('kills an engine that hangs: its requests reject and it goes down once', async () => {
    const echo = host(kind);
    await echo.ready;
    const down = downOf(echo);
    const hung = echo.request({ do: 'spin' }, { deadlineMs: 50 });
    const behind = echo.request({ do: 'echo' });
    await expect(hung).rejects.toMatchObject({ code: 'ERR_ENGINE', retryable: true });
    await expect(behind).rejects.toMatchObject({ code: 'ERR_ENGINE', retryable: true });
    expect((await down).message).toContain('no answer within 50 ms');
    await expect(echo.request({ do: 'echo' })).rejects.toMatchObject({ code: 'ERR_ENGINE' });
  });

  it('goes down when the worker exits or throws outside a request', async () => {
    const exits = host(kind);
    await expect(exits.request({ do: 'exit' })).rejects.toMatchObject({ code: 'ERR_ENGINE' });
    const throws = host(kind);
    const down = downOf(throws);
    await throws.request({ do: 'late throw' }).catch(() => undefined);
    expect((await down).code).toBe('ERR_ENGINE');
  });

  it('tells why an engine could not be opened', async () => {
    const refused = host(kind, { options: { refuse: 'no such voice' } });
    await expect(refused.ready).rejects.toThrow('no such voice');
    await expect(host(kind, { options: { exit: 255 } }).ready).rejects.toMatchObject({ code: 'ERR_ENGINE' });
    await expect(host(kind, { module: engineModule(import.meta.url, './absent') }).ready).rejects.toThrow('absent');
  });

  it('rejects what the queue cannot hold, runs urgent requests first and never runs cancelled ones', async () => {
    const echo = host(kind, { maxQueue: 3 });
    const cancel = new AbortController();
    const requests = [
      echo.request({ do: 'echo', value: 'slow' }),
      echo.request({ do: 'echo', value: 'cancelled' }, { signal: cancel.signal }),
      echo.request({ do: 'echo', value: 'urgent' }, { urgent: true }),
    ];
    await expect(echo.request({ do: 'echo', value: 'too many' })).rejects.toThrow('already waiting');
    cancel.abort();
    await expect(requests[1]).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await Promise.all([requests[0], requests[2]]);
    expect(await echo.request({ do: 'seen', value: 'last' })).toEqual(['urgent', 'slow', 'last']);
  });

  it('rejects everything on terminate, says nothing to onDown, and does so once', async () => {
    const echo = host(kind);
    let downs = 0;
    echo.onDown(() => downs++);
    await echo.ready;
    const hung = echo.request({ do: 'spin' });
    echo.terminate();
    echo.terminate();
    await expect(hung).rejects.toMatchObject({ code: 'ERR_ENGINE' });
    expect([echo.state, downs]).toEqual(['down', 0]);
  });

  it('keeps what the engine printed for the reason of its end, and off the terminal', async () => {
    const echo = host(kind);
    await echo.ready;
    const down = downOf(echo);
    await echo.request({ do: 'print', value: 'model is broken' });
    await echo.request({ do: 'exit' }).catch(() => undefined);
    expect((await down).message).toContain('it printed: model is broken');
  });

  it('does not keep the process alive while it is idle', () => {
    const script = `
      const { openEngineHost } = await import(${JSON.stringify(new URL('../../../../src/providers/local/worker/engine-host.ts', import.meta.url).href)});
      const { realClock } = await import(${JSON.stringify(new URL('../../../../src/clock.ts', import.meta.url).href)});
      const host = openEngineHost({ label: 'echo', kind: '${kind}', module: '${engineModule(import.meta.url, './echo-engine')}', clock: realClock });
      console.log(await host.request({ do: 'echo', value: 'answered' }));`;
    // A process that stays alive is killed here, and its status is no longer 0.
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect([run.stdout.trim(), run.status]).toEqual(['answered', 0]);
  });

  it('fails a payload that cannot be cloned and lives on', async () => {
    const echo = host(kind);
    await expect(echo.request({ do: 'echo', value: () => 1 })).rejects.toMatchObject({ code: 'ERR_ENGINE' });
    expect(await echo.request({ do: 'echo', value: 1 })).toBe(1);
    expect(await echo.probe()).toBe('healthy');
  });
});

it('a forked engine ends when SIGKILL hits it in the middle of a request, and the host process lives', async () => {
  const echo = host('process');
  await echo.ready;
  const hung = echo.request({ do: 'spin' });
  if (echo.pid === undefined) throw new Error('a forked engine has a pid');
  process.kill(echo.pid, 'SIGKILL');
  await expect(hung).rejects.toThrow('SIGKILL');
});
