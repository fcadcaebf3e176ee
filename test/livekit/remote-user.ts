// The test's hold on a user process: commands in, reports out, and a wait that ends with the report it is for.
import type { ChildProcess } from 'node:child_process';
import { Told, type WaitOptions } from './told.ts';
import { endUser, forkUser } from './user-child.ts';
import type { UserCommand, UserReport } from './user-protocol.ts';

export class RemoteUser {
  readonly #told = new Told<UserReport>();
  readonly #child: ChildProcess;
  readonly #mayFail = new Set<string>();
  /** Commands that failed and that no wait of the test was for. */
  readonly #failures = new Set<UserReport>();

  constructor() {
    this.#child = forkUser('user-process.ts');
    this.#child.on('message', (report) => this.#hear(report as UserReport)); // sent by user-process.ts only
  }

  get reports(): readonly UserReport[] {
    return this.#told.all;
  }

  /** @param mayFail the room may be gone before it is done; default false: a failure fails the test */
  send(command: UserCommand, { mayFail = false } = {}): void {
    if (mayFail) this.#mayFail.add(command.type);
    this.#child.send(command);
  }

  /** Rejects when the room is not entered: what such a user does not hear would prove nothing. */
  async join(url: string, token: string): Promise<void> {
    await this.until(({ type }) => type === 'ready');
    const from = this.reports.length;
    this.send({ type: 'join', url, token });
    const answer = await this.until(({ type }) => type === 'joined' || type === 'failed', { from, what: 'joined' });
    if (answer.type === 'failed') throw new Error(`the user did not join: ${answer.message}`);
  }

  /** The first report that fits, from index `from` on; what came before counts. */
  until<R extends UserReport>(
    fits: (report: UserReport) => report is R,
    options?: WaitOptions & { readonly what?: string },
  ): Promise<R>;
  until(fits: (report: UserReport) => boolean, options?: WaitOptions & { readonly what?: string }): Promise<UserReport>;
  async until(
    fits: (report: UserReport) => boolean,
    { what = fits.toString(), ...options }: WaitOptions & { readonly what?: string } = {},
  ): Promise<UserReport> {
    const failure = (limitMs: number) =>
      `the user did not report in ${limitMs} ms: ${what}\n${JSON.stringify(this.reports.slice(-20))}`;
    const found = await this.#told.until(fits, failure, options);
    this.#failures.delete(found);
    return found;
  }

  /** States of the agent as the user saw them, in order. */
  get states(): readonly string[] {
    return this.reports.flatMap((report) =>
      report.type === 'attributes' && report.changed['lk.agent.state'] !== undefined
        ? [report.changed['lk.agent.state']]
        : [],
    );
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** The process is gone after this. Rejects when a command failed and nobody waited for that. */
  async end(): Promise<void> {
    await endUser(this.#child);
    if (this.#failures.size > 0) throw new Error(`commands of the user failed: ${JSON.stringify([...this.#failures])}`);
  }

  #hear(report: UserReport): void {
    if (report.type === 'failed' && !this.#mayFail.has(report.command)) this.#failures.add(report);
    this.#told.add(report);
  }
}
