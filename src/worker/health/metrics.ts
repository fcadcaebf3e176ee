// What Prometheus reads: the process as prom-client measures it, and the worker as it is at the moment of the scrape.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { HostStatus } from '../runner.ts';
import type { WorkerState } from '../worker-manager.ts';
import type { HealthSource } from './health-server.ts';
import { RESOLUTION_MS } from './loop-lag.ts';

const STATES: readonly WorkerState[] = [
  'idle',
  'connecting',
  'registering',
  'starting',
  'available',
  'full',
  'draining',
  'stopped',
];
const PREFIX = 'livekitex_agent_';

/** A registry of its own, so that an application's metrics and those of a second worker never clash. */
export function workerMetrics(source: HealthSource): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: RESOLUTION_MS });
  const registers = [registry];
  new Gauge({
    name: `${PREFIX}worker_state`,
    help: '1 for the state the worker is in, 0 for the others.',
    labelNames: ['state'],
    registers,
    collect() {
      const { state } = source.status;
      for (const each of STATES) this.set({ state: each }, each === state ? 1 : 0);
    },
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('worker_load', 'Share of the capacity in use, 0 to 1.', () => source.status.load);
  gauge('jobs', 'Jobs that hold a slot.', () => source.status.jobs.length);
  gauge('jobs_max', 'Jobs this worker takes at most.', () => source.status.maxJobs);
  gauge('sessions', 'Running sessions.', () => source.sessions.length);
  new Gauge({
    name: `${PREFIX}job_info`,
    help: 'One for each job that holds a slot: the ids that its log lines carry.',
    labelNames: ['job', 'room', 'participant', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { jobId: job, roomName: room, participant, state } of source.status.jobs)
        this.set({ job, room, participant: participant ?? '', state }, 1);
    },
  });
  new Gauge({
    name: `${PREFIX}session_info`,
    help: 'One for each running session; host processes tell theirs every 2.5 s.',
    labelNames: ['session', 'job', 'room', 'participant', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { sessionId: session, jobId, roomName, participant, state } of source.sessions)
        this.set({ session, job: jobId ?? '', room: roomName ?? '', participant: participant ?? '', state }, 1);
    },
  });
  const ofHosts = (name: string, help: string, read: (host: HostStatus) => number) =>
    new Gauge({
      name: `${PREFIX}host_${name}`,
      help,
      labelNames: ['host', 'state'],
      registers,
      collect() {
        this.reset();
        for (const host of source.status.hosts) this.set({ host: host.hostId, state: host.state }, read(host));
      },
    });
  ofHosts('jobs', 'Jobs in this host process.', ({ jobs }) => jobs);
  ofHosts('memory_bytes', 'Resident memory of this host process.', ({ rssBytes }) => rssBytes);
  ofHosts(
    'loop_lag_p99_seconds',
    'How late the event loop of this host process was in the last 2.5 s.',
    ({ loopLag }) => (loopLag?.p99Ms ?? 0) / 1_000,
  );
  new Counter({
    name: `${PREFIX}rooms_redispatched_total`,
    help: 'Rooms that were dispatched again, and those that were given up, since the start.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { redispatched, givenUp } = source.status.reconciler;
      this.reset();
      this.inc({ outcome: 'redispatched' }, redispatched);
      this.inc({ outcome: 'given_up' }, givenUp);
    },
  });
  gauge('reconciler_up', '0 while the API of the server does not answer: lost rooms are not found. 1 otherwise.', () =>
    source.status.reconciler.state === 'backingOff' ? 0 : 1,
  );
  new Counter({
    name: `${PREFIX}jobs_total`,
    help: 'Jobs that ended, by outcome.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(source.status.totals)) this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: `${PREFIX}registrations_total`,
    help: 'Registrations at the server.',
    registers,
    collect() {
      this.reset();
      this.inc(source.status.registrations.reduce((sum, each) => sum + each.registrations, 0));
    },
  });
  return registry;
}
