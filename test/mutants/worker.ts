// Deliberate faults in the worker: each takes away the guard against one trap of the agent protocol.
import type { MutantTable } from './mutant.ts';

export const worker: MutantTable = {
  folder: 'src',
  // Not those that start processes: they take seconds each.
  tests: [
    'test/worker/define-worker.test.ts',
    'test/worker/worker-manager.test.ts',
    'test/worker/ws-socket.test.ts',
    'test/worker/job-context.test.ts',
    'test/worker/job-sessions.test.ts',
    'test/worker/host/host-pool.test.ts',
    'test/worker/health',
  ],
  mutants: [
    {
      name: 'an offer waits for a request filter without a deadline: the server gives the job up',
      file: 'machines/job.machine.ts',
      find: 'decision: ({ context }) => context.settings.decisionMs',
      replace: 'decision: () => 60_000',
    },
    {
      name: 'an assignment that never comes keeps its slot',
      file: 'machines/job.machine.ts',
      find: "after: { assignment: 'expired' },",
      replace: '',
    },
    {
      name: 'a termination is believed at once: a reconnect in full kills the call',
      file: 'worker/termination.ts',
      find: "return seen !== undefined && seen.state !== 'none' && seen.state !== 'removed';",
      replace: "return seen?.state === 'joining';",
    },
    {
      name: 'an agent that does not get back into its room keeps its job for ever',
      file: 'worker/termination.ts',
      find: 'nowMs - seen.sinceMs >= REJOIN_MS',
      replace: 'nowMs < 0',
    },
    {
      name: 'a job whose session broke has succeeded: its room gets no other agent',
      file: 'worker/job-sessions.ts',
      find: 'if (error !== undefined && isVital) throw error;',
      replace: '',
    },
    {
      name: 'one job more than maxJobs is taken',
      file: 'worker/job-table.ts',
      find: 'return this.#jobs.size >= this.maxJobs;',
      replace: 'return this.#jobs.size > this.maxJobs;',
    },
    {
      name: 'offers within one sample are all taken: reserved slots do not count',
      file: 'worker/registration.ts',
      find: "runner.freeSlots() > jobs.count('reserved')",
      replace: 'runner.freeSlots() > 0',
    },
    {
      name: 'reserved slots are no load',
      file: 'worker/load.ts',
      find: '(running + reserved) / maxJobs',
      replace: 'running / maxJobs',
    },
    {
      name: 'a busy worker with free slots tells a load that closes it to every job',
      file: 'worker/load.ts',
      find: 'return isOpen ? Math.min(load, MAX_OPEN_LOAD) * TARGET_LOAD : 1;',
      replace: 'return isOpen ? load : 1;',
    },
    {
      name: 'the server is not pinged',
      file: 'worker/heartbeat.ts',
      find: 'this.#options.ping();',
      replace: '',
    },
    {
      name: 'a peer that answers nothing is kept',
      file: 'worker/heartbeat.ts',
      find: 'this.#options.onSilence()',
      replace: 'undefined',
    },
    {
      name: 'the load is told once and never again',
      file: 'worker/heartbeat.ts',
      find: `      this.#options.pushStatus();
      if (!this.#isStopped) this.#armStatus();`,
      replace: '      this.#options.pushStatus();',
    },
    {
      name: 'a status goes out without a load, which the server reads as idle',
      file: 'worker/messages.ts',
      find: 'new UpdateWorkerStatus({ status, load, jobCount })',
      replace: 'new UpdateWorkerStatus({ status, jobCount })',
    },
    {
      name: 'what became of a job while the socket was gone is never told',
      file: 'worker/worker-scope.ts',
      find: 'this.#untold.set(job.jobId, { status, error });',
      replace: '',
    },
    {
      name: 'jobs that went on through an outage are not announced again',
      file: 'worker/worker-scope.ts',
      find: 'if (running.length > 0) registration.announce(running);',
      replace: '',
    },
    {
      name: 'an assignment that came too late is not reported: the job runs on the server for ever',
      file: 'worker/registration.ts',
      find: "this.tellStatus(job.id, 'failed', 'the assignment came too late');",
      replace: '',
    },
    {
      name: 'a worker that drains takes offers',
      file: 'worker/registration.ts',
      find: "const isFree = this.#shown === 'available' && !isDraining &&",
      replace: 'const isFree =',
    },
    {
      name: 'a server that sends garbage for ever is kept',
      file: 'worker/registration.ts',
      find: 'if (opened.badFrames >= MAX_BAD_FRAMES)',
      replace: 'if (opened.badFrames < 0)',
    },
    {
      name: 'a socket that never registers is kept',
      file: 'machines/worker.machine.ts',
      find: 'registration: ({ context }) => context.registrationMs',
      replace: 'registration: () => 1e9',
    },
    {
      name: 'a server that never registers anybody is tried for ever',
      file: 'worker/registration.ts',
      find: 'const retryable = this.#scope.hasRegistered || this.#hasTries;',
      replace: 'const retryable = true;',
    },
    {
      name: 'a stop that is asked for again cuts the shutdown callbacks off',
      file: 'machines/worker.machine.ts',
      find: "on: { 'worker.force': {} },",
      replace: "on: { 'worker.force': '#worker.stopped' },",
    },
    {
      name: 'the failure of a job is reported as success',
      file: 'worker/worker-scope.ts',
      find: "isSuccess ? 'success' : 'failed'",
      replace: "'success'",
    },
    {
      name: 'a shutdown callback that throws stops the others',
      file: 'worker/job-run.ts',
      find: "(error: unknown): CallbackResult => ({ name, outcome: 'failed', error: textOf(error) })",
      replace: '(error: unknown): CallbackResult => { throw error; }',
    },
    {
      name: 'shutdown callbacks have no deadline',
      file: 'worker/job-run.ts',
      find: 'const result = await Promise.race([done, isLate]);',
      replace: "const result = await Promise.race([done, new Promise<'late'>(() => {})]);",
    },
    {
      name: 'a host that stops beating is waited for',
      file: 'machines/host.machine.ts',
      find: 'hasMissed ? settings.beatMs : settings.heartbeatMs - settings.beatMs',
      replace: 'hasMissed ? 1e9 : 1e9',
    },
    {
      name: 'a host that has served its jobs is not replaced',
      file: 'worker/host/host-pool.ts',
      find: 'if (host.isWorn) this.#recycle',
      replace: 'if (host.room > 1e9) this.#recycle',
    },
    {
      name: 'the jobs of a host that died are not told',
      file: 'worker/host/host-pool.ts',
      find: 'for (const { report } of host.jobs.values()) {',
      replace: 'for (const { report } of [...host.jobs.values()].slice(0, 0)) {',
    },
    {
      name: 'a host that uses too much memory is not replaced',
      file: 'worker/host/pooled-host.ts',
      find: 'if (this.rssMb >= memoryLimitMb)',
      replace: 'if (this.rssMb < 0)',
    },
    {
      name: 'a health address answers without the token',
      file: 'worker/health/health-server.ts',
      find: 'return timingSafeEqual(digest(given), this.#tokenDigest);',
      replace: 'return true;',
    },
  ],
};
