// Host processes without processes: each records what it is told, and a test says what it does.
import type { ForkHost, HostListener, ToHost } from '../../../src/worker/host/host-link.ts';

export interface FakeHost extends HostListener {
  readonly said: ToHost[];
  killed: boolean;
  exit(how?: string): void;
}

export interface HostScript {
  /** Default true: it is ready in the next tick. */
  readies?: boolean;
  /** Default true: it ends when it is asked to. */
  leaves?: boolean;
  /** Default false: jobs are started, and end when they are told to. */
  runs?: boolean;
}

/** `script` may change at any time. */
export function scriptedHosts(script: HostScript = {}) {
  const hosts: FakeHost[] = [];
  const fork: ForkHost = (listener) => {
    let isGone = false;
    const exit = (how = 'exit code 0') => {
      if (isGone) return;
      isGone = true;
      queueMicrotask(() => listener.onExit(how));
    };
    const host: FakeHost = { ...listener, said: [], killed: false, exit };
    hosts.push(host);
    if (script.readies !== false) queueMicrotask(() => listener.onMessage({ type: 'ready' }));
    return {
      pid: 1000 + hosts.length,
      send: (message) => {
        if (isGone) return;
        host.said.push(message);
        if (message.type === 'leave' && script.leaves !== false) exit();
        if (script.runs !== true) return;
        if (message.type === 'start') {
          const jobId = message.job.info.id;
          queueMicrotask(() => listener.onMessage({ type: 'report', jobId, report: { type: 'job.started' } }));
        }
        if (message.type === 'stop') {
          const report = { type: 'job.ended', error: null, callbacks: [] } as const;
          queueMicrotask(() => listener.onMessage({ type: 'report', jobId: message.jobId, report }));
        }
      },
      kill: () => {
        host.killed = true;
        exit('SIGKILL');
      },
    };
  };
  return { hosts, fork, script };
}
