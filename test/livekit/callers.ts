// Callers of a test: each in a room of its own, all in one process, each telling what it hears.
import type { ChildProcess } from 'node:child_process';
import type { CallerCommand, CallerFact, CallerReport } from './callers-protocol.ts';
import type { LivekitAccess } from './server.ts';
import { tokenFor } from './tokens.ts';
import { Told, type WaitOptions } from './told.ts';
import { endUser, forkUser } from './user-child.ts';

export type CallerEvent = { readonly atMs: number } & CallerFact;
type Of<Type extends CallerFact['type']> = Extract<CallerEvent, { type: Type }>;

/** Long enough for any detector, short enough for a test. */
const SPOKEN_MS = 600;

export class Caller {
  readonly room: string;
  readonly #told = new Told<CallerEvent>();
  readonly #send: (command: CallerCommand) => void;

  constructor(room: string, send: (command: CallerCommand) => void) {
    this.room = room;
    this.#send = send;
  }

  hear(event: CallerEvent): void {
    this.#told.add(event);
  }

  get events(): readonly CallerEvent[] {
    return this.#told.all;
  }

  /** Number of events so far: where a wait for something new begins. */
  get mark(): number {
    return this.events.length;
  }

  /** Identities of who is in the room beside the caller. */
  get company(): readonly string[] {
    const there = new Set<string>();
    for (const event of this.events) {
      if (event.type === 'came') there.add(event.identity);
      if (event.type === 'went') there.delete(event.identity);
    }
    return [...there];
  }

  /** The first event of this type that fits, from `from` on; what came before counts. */
  until<Type extends CallerFact['type']>(
    type: Type,
    { fits = () => true, ...options }: { from?: number; limitMs?: number; fits?: (event: Of<Type>) => boolean } = {},
  ): Promise<Of<Type>> {
    const isIt = (event: CallerEvent): event is Of<Type> => event.type === type && fits(event as Of<Type>);
    return this.#wait(isIt, type, options);
  }

  async joined(): Promise<void> {
    const isIt = (event: CallerEvent): event is Of<'joined' | 'failed'> => /^(joined|failed)$/.test(event.type);
    const event = await this.#wait(isIt, 'joined');
    if (event.type === 'failed') throw new Error(`${this.room}: ${event.message}`);
  }

  #wait<Found extends CallerEvent>(
    isIt: (event: CallerEvent) => event is Found,
    what: string,
    options?: WaitOptions,
  ): Promise<Found> {
    const failure = (limitMs: number) => {
      const last = this.events.slice(-12).map((event) => JSON.stringify(event));
      return `${this.room}: no "${what}" within ${limitMs} ms; last:\n${last.join('\n')}`;
    };
    return this.#told.until(isIt, failure, options);
  }

  /** The agent was heard: sound that began after `from`. */
  sound(from: number, limitMs?: number): Promise<Of<'sound'>> {
    return this.until('sound', { from, fits: ({ on }) => on, ...(limitMs !== undefined && { limitMs }) });
  }

  /** An agent is there and listens, as front ends show it. */
  async served(limitMs?: number): Promise<void> {
    const within = limitMs === undefined ? {} : { limitMs };
    await this.until('track', within);
    await this.until('state', { fits: ({ state }) => state === 'listening', ...within });
  }

  say(durationMs = SPOKEN_MS): void {
    this.#send({ type: 'speak', room: this.room, durationMs, hz: 700 });
  }

  /** Says something and hears the whole answer. Resolves with milliseconds from the last spoken sample to the answer. */
  async turn({ spokenMs, limitMs }: { spokenMs?: number; limitMs?: number } = {}): Promise<number> {
    const from = this.mark;
    this.say(spokenMs);
    const said = await this.until('said', { from });
    const answer = await this.sound(from, limitMs);
    const after = this.events.indexOf(answer);
    await this.until('sound', { from: after, fits: ({ on }) => !on });
    return answer.atMs - said.atMs;
  }

  async leave(): Promise<void> {
    const from = this.mark;
    this.#send({ type: 'leave', room: this.room });
    await this.until('left', { from });
  }
}

export class Callers {
  readonly #access: LivekitAccess;
  readonly #child: ChildProcess;
  readonly #callers = new Map<string, Caller>();
  readonly #ready: Promise<void>;

  constructor(access: LivekitAccess) {
    this.#access = access;
    this.#child = forkUser('callers-process.ts');
    this.#ready = new Promise((resolve) => {
      this.#child.on('message', (message) => {
        const report = message as CallerReport; // sent by callers-process.ts only
        if (report.type === 'ready') resolve();
        else this.#callers.get(report.room)?.hear(report);
      });
    });
  }

  /** A new caller in this room; who was there under this name is forgotten. */
  async join(room: string, identity = 'caller', agents: readonly string[] = []): Promise<Caller> {
    const { url } = this.#access;
    const token = await tokenFor(this.#access, { identity, room, agents });
    const caller = new Caller(room, (command) => this.#child.send(command));
    this.#callers.set(room, caller);
    await this.#ready;
    this.#child.send({ type: 'join', room, url, token } satisfies CallerCommand);
    await caller.joined();
    return caller;
  }

  end(): Promise<void> {
    return endUser(this.#child);
  }
}
