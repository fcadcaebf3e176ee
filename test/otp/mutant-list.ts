// Deliberate faults in the supervisor, each of which the suite has to notice.

export interface Mutant {
  readonly name: string;
  /** File below src/supervisor. */
  readonly file: string;
  /** Text that occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'gives up one restart too early',
    file: 'restart-window.ts',
    find: '<= intensity',
    replace: '< intensity',
  },
  {
    name: 'restarts never leave the window',
    file: 'restart-window.ts',
    find: '< nowMs - periodMs',
    replace: '< nowMs - periodMs * 1e9',
  },
  {
    name: 'restarts leave the window one instant too early',
    file: 'restart-window.ts',
    find: '< nowMs - periodMs',
    replace: '<= nowMs - periodMs',
  },
  {
    name: 'a transient child is restarted after {shutdown, term}',
    file: 'exit-reason.ts',
    find: "reason === 'shutdown' || (typeof reason === 'object' && 'shutdown' in reason)",
    replace: "reason === 'shutdown'",
  },
  {
    name: 'a killed child counts as having shut down',
    file: 'exit-reason.ts',
    find: "return planned ?? 'killed';",
    replace: "return planned ?? 'shutdown';",
  },
  {
    name: 'a group is stopped in start order',
    file: 'strategy.ts',
    find: 'of [...group].reverse()',
    replace: 'of [...group]',
  },
  {
    name: 'rest_for_one takes all children',
    file: 'strategy.ts',
    find: 'engine.children.listFrom(record)',
    replace: 'engine.children.list()',
  },
  {
    name: 'a group restart starts temporary members again',
    file: 'strategy.ts',
    find: "if (member.spec.restart === 'temporary') continue;",
    replace: '',
  },
  {
    name: 'all_significant behaves like any_significant',
    file: 'strategy.ts',
    find: "if (spec.significant && state !== 'stopped') return false;",
    replace: '',
  },
  {
    name: 'an ended temporary child is remembered',
    file: 'strategy.ts',
    find: "if (restart === 'temporary' || engine.flags.dynamic) engine.children.delete(record);",
    replace: '',
  },
  {
    name: 'all children are stopped in start order',
    file: 'strategy.ts',
    find: 'of engine.children.list().reverse()',
    replace: 'of engine.children.list()',
  },
  {
    name: 'brutal_kill is a polite request',
    file: 'stop-child.ts',
    find: "if (shutdown === 'brutal_kill') {",
    replace: 'if (shutdown === undefined) {',
  },
  {
    name: 'a stopped child is restarted by the retry it was waiting for',
    file: 'stop-child.ts',
    find: '  engine.cancelRetry(record);\n  const { ref } = record;',
    replace: '  const { ref } = record;',
  },
  {
    name: 'a permanent child may end normally at shutdown without a report',
    file: 'stop-child.ts',
    find: "if (spec.restart === 'permanent') return false;",
    replace: '',
  },
  {
    name: 'the start of a temporary child is kept',
    file: 'start-child.ts',
    find: "if (record.spec.restart === 'temporary') record.spec = { ...record.spec, start: forgotten };",
    replace: '',
  },
  {
    name: 'events that had to wait are handled in reverse order',
    file: 'selective-mailbox.ts',
    find: 'else this.#postponed.push(event);',
    replace: 'else this.#postponed.unshift(event);',
  },
  {
    name: 'calls that wait at the end of a supervisor are never answered',
    file: 'engine.ts',
    find: "this.answer(request, { ok: false, reason: 'noproc' });",
    replace: '{}',
  },
  {
    name: 'names are not given back',
    file: 'engine.ts',
    find: '    this.registry?.clear(ref);\n    const record',
    replace: '    const record',
  },
  {
    name: 'the timers of a killed supervisor live on',
    file: 'engine.ts',
    find: 'this.#timers.disarmAll();',
    replace: '',
  },
  {
    name: 'a failed start does not stop the children that were started',
    file: 'engine.ts',
    find: "yield* this.finish({ kind: 'error', exit: new Exit({ shutdown: cause }, { cause: outcome.reason }) });",
    replace: "this.end = { kind: 'error', exit: new Exit({ shutdown: cause }) };",
  },
  {
    name: 'a throwing report handler brings the supervisor down',
    file: 'engine.ts',
    find: "reportProblem(this.services.onProblem, { where: 'onReport', error });",
    replace: 'throw error;',
  },
  {
    name: 'a supervisor acts on a kill before its monitors hear of it',
    file: 'engine.ts',
    find: 'afterObservers(ref, () => {',
    replace: '((_: unknown, fn: () => void) => fn())(ref, () => {',
  },
  {
    name: 'orphans of a crashed actor live on',
    file: 'system-services.ts',
    find: 'if (services.live.has(actor) && (services.ownsSystem || isSupervised(actor, services))) {',
    replace: 'if (services.live.has(actor) && services.live.size < 0) {',
  },
  {
    name: 'orphans are stopped in start order',
    file: 'system-services.ts',
    find: 'of [...children].reverse()',
    replace: 'of [...children]',
  },
  {
    name: 'a throwing inspector blocks mailboxes',
    file: 'system-services.ts',
    find: "reportProblem(services.onProblem, { where: 'inspect', error });",
    replace: 'throw error;',
  },
  {
    name: 'a wildcard counts as handling the exit event',
    file: 'graceful.ts',
    find: '!logic.events.includes(EXIT_EVENT)',
    replace: "!(logic.events.includes(EXIT_EVENT) || logic.events.includes('*'))",
  },
  {
    name: 'a cancelled monitor still tells',
    file: 'monitor.ts',
    find: '    open = false;\n    subscription.unsubscribe();',
    replace: '',
  },
  {
    name: 'an actor that ends leaves its delayed events behind',
    file: 'scheduler.ts',
    find: 'for (const timer of timers.values()) clock.clearTimeout(timer);',
    replace: '',
  },
  {
    name: 'maxChildren lets one more in',
    file: 'operations.ts',
    find: 'children.size >= flags.maxChildren',
    replace: 'children.size > flags.maxChildren',
  },
  {
    name: 'a running child may be deleted',
    file: 'operations.ts',
    find: "if (record.ref !== undefined) return { ok: false, reason: 'running' };\n  children.delete",
    replace: 'children.delete',
  },
  {
    name: 'a cancelled retry still runs',
    file: 'operations.ts',
    find: "event.record.retryToken === event.token && event.record.state === 'restarting'",
    replace: "event.record.state !== 'running'",
  },
  {
    name: 'a faulty update is half taken',
    file: 'update-specs.ts',
    find: '    const flags = checkFlags(mergeFlags(engine.flags, update));',
    replace: '    const flags = checkFlags(mergeFlags(engine.flags, update));\n    engine.flags = flags;',
  },
  {
    name: 'restarts do not wait longer and longer',
    file: 'backoff.ts',
    find: 'initialMs * factor ** retry',
    replace: 'initialMs',
  },
  {
    name: 'a child that is not ready counts as started',
    file: 'start-child.ts',
    find: 'if (isRunning(ref) && mustWait(engine, record, ref)) {',
    replace: 'if (isRunning(ref) && mustWait(engine, record, ref) && false) {',
  },
];
