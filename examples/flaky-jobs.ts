// Supervision without voice: downloads that fail all the time, over a connection that drops, and nothing gets lost.
// Run it with `npm run build && node examples/flaky-jobs.ts`.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type ChildSpec,
  describeReason,
  dynamicSupervisor,
  monitor,
  Registry,
  type Report,
  saveCheckpoint,
  shutdown,
  startChild,
  startRoot,
  supervisor,
} from 'livekitex-agent/supervisor';
import { type AnyActorRef, fromPromise, setup } from 'xstate';

export interface FlakyJobsOptions {
  readonly files?: number;
  /** Milliseconds per part of a file. */
  readonly paceMs?: number;
  /** Numbers in [0, 1): the luck of the jobs. */
  readonly random?: () => number;
  readonly print?: (line: string) => void;
}

/** Downloads `files` files of four parts each and returns the parts in the order in which they arrived. */
export async function flakyJobs(options: FlakyJobsOptions = {}): Promise<string[]> {
  const { files = 6, paceMs = 40, random = Math.random, print = console.log } = options;
  const parts: string[] = [];
  const registry = new Registry();

  // The connection opens after a while and crashes when it is told to drop. Its supervisor opens the next one.
  const connection = setup({
    delays: { handshake: paceMs },
    actions: {
      drop: () => {
        throw new Error('connection reset');
      },
    },
  }).createMachine({
    initial: 'opening',
    states: { opening: { after: { handshake: 'open' } }, open: { on: { drop: { actions: 'drop' } } } },
  });

  // A job goes on where its last incarnation stopped: what it saved comes back as `checkpoint`.
  const download = fromPromise<void, { file: string; from: number }>(async ({ input, self, signal }) => {
    for (let part = input.from; part < 4; part++) {
      await sleep(paceMs, undefined, { signal });
      if (random() < 0.3) throw new Error(`part ${part} is damaged`);
      if (random() < 0.1) registry.whereis('connection')?.send({ type: 'drop' });
      parts.push(`${input.file}:${part}`);
      saveCheckpoint(self, part + 1);
    }
  });
  let done = 0;
  let settle = () => {};
  const finished = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const job = (file: string): ChildSpec => ({
    id: file,
    restart: 'transient', // done is done, a crash is tried again
    checkpoint: true,
    backoff: { initialMs: paceMs, maxMs: 10 * paceMs },
    start: ({ checkpoint }) => ({
      logic: download,
      input: { file, from: Number(checkpoint ?? 0) },
      onSpawn: (ref) => monitor(ref, ({ reason }) => reason === 'normal' && ++done === files && settle()),
    }),
  });

  const jobs = dynamicSupervisor({ id: 'jobs', intensity: 100, periodMs: 10_000, maxChildren: 50 });
  const startJobs = (pool: AnyActorRef) => {
    for (let i = 1; i <= files; i++) void startChild(pool, job(`file-${i}`));
  };
  const tree = supervisor({
    id: 'downloads',
    intensity: 20,
    periodMs: 10_000,
    children: [
      {
        id: 'connection',
        start: () => ({ logic: connection, name: 'connection' }),
        ready: (snapshot) => snapshot.value === 'open', // the jobs wait for it
        startTimeoutMs: 5_000,
      },
      { id: 'jobs', type: 'supervisor', start: () => ({ logic: jobs, onSpawn: startJobs }) },
    ],
  });

  const root = startRoot(tree, {
    registry,
    onReport: ({ kind, child, reason }) => print(`${kind.padEnd(16)} ${child.id} ${reason ? textOf(reason) : ''}`),
  });
  monitor(root, settle); // it gave up
  await finished;
  print(`${parts.length} of ${files * 4} parts; the tree ends with ${describeReason(await shutdown(root))}`);
  return parts;
}

function textOf(reason: NonNullable<Report['reason']>): string {
  return reason === 'reached_max_restart_intensity' ? reason : describeReason(reason);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await flakyJobs();
