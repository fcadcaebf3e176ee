// Who is in the room of a job, as its connection tells; entrypoints and waits that follow from it.
import { AgentError } from '../../errors.ts';
import type { JobParticipant } from './job-info.ts';
import { type SipDetails, sipDetailsOf } from './sip-details.ts';

/** Shows what is known now: attributes that come later are in it, for whoever holds it. */
export class RoomParticipant implements JobParticipant {
  #now: JobParticipant;
  #isPresent = true;

  constructor(now: JobParticipant) {
    this.#now = now;
  }

  get sid(): string {
    return this.#now.sid;
  }

  get identity(): string {
    return this.#now.identity;
  }

  get name(): string {
    return this.#now.name;
  }

  get metadata(): string {
    return this.#now.metadata;
  }

  get attributes(): Readonly<Record<string, string>> {
    return this.#now.attributes;
  }

  get kind(): JobParticipant['kind'] {
    return this.#now.kind;
  }

  /** Of a participant on the telephone; null of all others. */
  get sip(): SipDetails | null {
    return this.kind === 'sip' ? sipDetailsOf(this.attributes) : null;
  }

  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** @internal */
  update(now: JobParticipant): void {
    this.#now = now;
  }

  /** @internal */
  leave(): void {
    this.#isPresent = false;
  }
}

export interface ParticipantListener {
  joined?(participant: RoomParticipant): void;
  /** Attributes have changed. */
  changed?(participant: RoomParticipant): void;
  /** `why`: in words, when the server's reason says that they will not come back; null: they were cut off. */
  left?(participant: RoomParticipant, why: string | null): void;
}

export class JobParticipants {
  readonly #present = new Map<string, RoomParticipant>();
  readonly #listeners = new Set<ParticipantListener>();
  readonly #signal: AbortSignal;
  readonly #onThrow: (participant: RoomParticipant, error: unknown) => void;

  constructor(signal: AbortSignal, onThrow: (participant: RoomParticipant, error: unknown) => void) {
    this.#signal = signal;
    this.#onThrow = onThrow;
  }

  get list(): readonly RoomParticipant[] {
    return [...this.#present.values()];
  }

  get(identity: string): RoomParticipant | undefined {
    return this.#present.get(identity);
  }

  /** Tells `joined` of those already there. Returns a function that stops it. */
  listen(listener: ParticipantListener): () => void {
    this.#listeners.add(listener);
    for (const participant of this.list) this.#tell(listener, 'joined', participant);
    return () => this.#listeners.delete(listener);
  }

  /** A second report of the same identity only updates it. */
  joined(now: JobParticipant): void {
    const known = this.#present.get(now.identity);
    if (known !== undefined) {
      known.update(now);
      this.#tellAll('changed', known);
      return;
    }
    const participant = new RoomParticipant(now);
    this.#present.set(now.identity, participant);
    this.#tellAll('joined', participant);
  }

  changed(identity: string, attributes: Readonly<Record<string, string>>): void {
    const participant = this.#present.get(identity);
    if (participant === undefined) return;
    const { sid, name, metadata, kind } = participant;
    participant.update({ sid, identity, name, metadata, kind, attributes });
    this.#tellAll('changed', participant);
  }

  left(identity: string, why: string | null): void {
    const participant = this.#present.get(identity);
    if (participant === undefined) return;
    this.#present.delete(identity);
    participant.leave();
    for (const listener of [...this.#listeners]) this.#tell(listener, 'left', participant, why);
  }

  /**
   * Resolves with what `look` returns for a participant, now or when one joins or changes; `left` may reject the wait.
   * @throws AgentError `ERR_CLOSED` when the job ends before
   */
  until<T>(
    where: string,
    look: (participant: RoomParticipant) => T | undefined,
    left: (participant: RoomParticipant, why: string | null) => AgentError | undefined = () => undefined,
  ): { readonly found: Promise<T>; stop(error: AgentError): void } {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isOver = false;
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      this.#signal.removeEventListener('abort', abandon);
      this.#listeners.delete(listener);
      settle();
    };
    const abandon = () =>
      end(() => reject(new AgentError('ERR_CLOSED', 'the job ended before the participant came', { field: where })));
    const see = (participant: RoomParticipant) => {
      const found = look(participant);
      if (found !== undefined) end(() => resolve(found));
    };
    const listener: ParticipantListener = {
      joined: see,
      changed: see,
      left: (participant, why) => {
        const error = left(participant, why);
        if (error !== undefined) end(() => reject(error));
      },
    };
    this.#signal.addEventListener('abort', abandon, { once: true });
    this.listen(listener);
    if (this.#signal.aborted) abandon();
    return { found: promise, stop: (error) => end(() => reject(error)) };
  }

  #tellAll(what: 'joined' | 'changed', participant: RoomParticipant): void {
    for (const listener of [...this.#listeners]) this.#tell(listener, what, participant);
  }

  #tell(
    listener: ParticipantListener,
    what: keyof ParticipantListener,
    participant: RoomParticipant,
    why: string | null = null,
  ): void {
    try {
      listener[what]?.(participant, why);
    } catch (error) {
      this.#onThrow(participant, error);
    }
  }
}
