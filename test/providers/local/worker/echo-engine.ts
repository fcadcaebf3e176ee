// An engine for tests: echoes, streams, throws, spins for ever, or ends its worker, as the request says.
import type { OpenEngine } from '../../../../src/providers/local/worker/engine.ts';

export const openEngine: OpenEngine = (options) => {
  const wish = options as { refuse?: string; exit?: number } | undefined; // the test writes it
  if (wish?.refuse !== undefined) throw new Error(wish.refuse);
  if (wish?.exit !== undefined) process.exit(wish.exit);
  const seen: unknown[] = [];
  return {
    probe: () => 'healthy',
    handle: (payload, emit) => {
      const request = payload as { do: string; value?: unknown }; // the test writes it
      seen.push(request.value);
      if (request.do === 'stream') for (const part of request.value as unknown[]) emit(part);
      if (request.do === 'print') process.stderr.write(`${String(request.value)}\n`);
      if (request.do === 'throw') throw new Error('bad request');
      if (request.do === 'seen') return seen;
      if (request.do === 'exit') process.exit(3);
      if (request.do === 'late throw') setTimeout(() => void Promise.reject(new Error('thrown later')), 0);
      while (request.do === 'spin') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      return request.value;
    },
  };
};
