// The telephone side of a job: keypad tones in both directions, and how far a call is.
import { type Clock, sleep, withinMs } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import { fieldsOf, having, milliseconds, parseOptions, textOfLength, wholeNumberFrom } from '../../options.ts';
import { codeOf, digitOf } from '../../transports/livekit/dtmf.ts';
import type { RtcRoom } from '../../transports/livekit/rtc.ts';
import type { Logger } from '../logger.ts';
import type { JobParticipants, RoomParticipant } from './job-participants.ts';
import type { SipCallStatus } from './sip-details.ts';

export interface DtmfTone {
  /** 0-9, *, # or A-D. */
  readonly digit: string;
  /** Its number: 0-9, 10 for *, 11 for #, 12-15 for A-D. */
  readonly code: number;
  /** Who pressed the key. */
  readonly participant: RoomParticipant;
}

/** What it throws is logged. */
export type DtmfListener = (tone: DtmfTone) => unknown;

export interface SendDtmfOptions {
  /** Milliseconds between two tones. Default 300, as bridges expect; 50 to 5 000. */
  readonly spacingMs?: number;
}

export interface CollectDtmfOptions {
  /** It is over after so many digits. Default 32; 1 to 256. */
  readonly digits?: number;
  /** It is over with this key, which is not part of the result; null: with none. Default `#`. */
  readonly terminator?: string | null;
  /** Milliseconds until the first key. Default 10 000; 1 to 600 000. */
  readonly timeoutMs?: number;
  /** Milliseconds between two keys. Default 3 000; 1 to 600 000. */
  readonly interDigitTimeoutMs?: number;
  /** Whose keys count. Default: everybody's. */
  readonly participant?: string;
}

export interface CollectedDtmf {
  readonly digits: string;
  readonly end: 'digits' | 'terminator' | 'timeout';
}

export interface WaitForSipOptions {
  /** Milliseconds. Default 60 000, twice the time that a telephone rings; 1 to 600 000. */
  readonly timeoutMs?: number;
}

const isKey = (text: string) => codeOf(text) !== undefined;
const KEY = 'must be one of 0-9, *, #, A-D';
const toneRules = textOfLength(1, 256).and((text) => [...text].every(isKey), 'must have only 0-9, *, #, A-D');
const sendRules = fieldsOf<SendDtmfOptions>()({ spacingMs: milliseconds(50, 5_000, 300) });
const collectRules = fieldsOf<CollectDtmfOptions>()({
  digits: wholeNumberFrom(1, 256, 'must be a whole number from 1 to 256').default(32),
  terminator: having<string | null>((key) => key === null || (typeof key === 'string' && isKey(key)), KEY).default('#'),
  timeoutMs: milliseconds(1, 600_000, 10_000),
  interDigitTimeoutMs: milliseconds(1, 600_000, 3_000),
  participant: textOfLength(1, 1_000).optional(),
});
const waitRules = fieldsOf<WaitForSipOptions>()({ timeoutMs: milliseconds(1, 600_000, 60_000) });

/** A tone that the room does not take within this time was not sent. */
const SEND_LIMIT_MS = 5_000;

export interface TelephoneOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly participants: JobParticipants;
  /** Null while the agent is not in it. */
  room(): RtcRoom | null;
}

export class Telephone {
  readonly #options: TelephoneOptions;
  readonly #listeners = new Set<DtmfListener>();
  #sending: Promise<unknown> = Promise.resolve();

  constructor(options: TelephoneOptions) {
    this.#options = options;
  }

  /** One text after the other, tone by tone. */
  async send(text: string, options: SendDtmfOptions = {}): Promise<void> {
    parseOptions(toneRules, text, 'sendDtmf');
    const { spacingMs } = parseOptions(sendRules, options, 'sendDtmf');
    const sent = this.#sending.then(() => this.#sendTones(text, spacingMs));
    this.#sending = sent.catch(() => {}); // told below; the next text is sent all the same
    await sent;
  }

  onDtmf(listener: DtmfListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For the connection to the room. What is no key of a telephone is not told. */
  heard(code: number, identity: string): void {
    const { participants, log } = this.#options;
    const digit = digitOf(code);
    const participant = participants.get(identity);
    if (digit === undefined || participant === undefined) return;
    for (const listener of [...this.#listeners]) {
      void (async () => listener({ digit, code, participant }))().catch((error: unknown) =>
        log.error({ participant: identity, error: textOf(error) }, 'a listener for tones failed'),
      );
    }
  }

  collect(given: CollectDtmfOptions = {}): Promise<CollectedDtmf> {
    const { clock, signal } = this.#options;
    const { terminator, participant, ...limits } = parseOptions(collectRules, given, 'collectDtmf');
    return new Promise((resolve, reject) => {
      let digits = '';
      let timer: unknown;
      const stop = () => {
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', abandon);
        this.#listeners.delete(listener);
      };
      const end = (how: CollectedDtmf['end']) => {
        stop();
        resolve({ digits, end: how });
      };
      const abandon = () => {
        stop();
        reject(ended('collectDtmf'));
      };
      const wait = (limitMs: number) => {
        clock.clearTimeout(timer);
        timer = clock.setTimeout(() => end('timeout'), limitMs);
      };
      const listener: DtmfListener = (tone) => {
        if (participant !== undefined && tone.participant.identity !== participant) return;
        if (tone.digit === terminator) return end('terminator');
        digits += tone.digit;
        if (digits.length >= limits.digits) return end('digits');
        return wait(limits.interDigitTimeoutMs);
      };
      this.#listeners.add(listener);
      signal.addEventListener('abort', abandon, { once: true });
      wait(limits.timeoutMs);
      if (signal.aborted) abandon();
    });
  }

  async waitForStatus(
    identity: string,
    status: SipCallStatus,
    options: WaitForSipOptions = {},
  ): Promise<RoomParticipant> {
    const { clock, participants } = this.#options;
    const { timeoutMs } = parseOptions(waitRules, options, 'waitForSipStatus');
    const fits = (participant: RoomParticipant) =>
      participant.identity === identity && participant.sip?.callStatus === status ? participant : undefined;
    const left = (participant: RoomParticipant, why: string | null) =>
      participant.identity === identity
        ? new AgentError('ERR_SIP_CALL', why ?? 'the call was cut off', { field: identity })
        : undefined;
    const { found, stop } = participants.until('waitForSipStatus', fits, left);
    const timer = clock.setTimeout(
      () =>
        stop(
          new AgentError('ERR_TIMEOUT', `the call of ${identity} did not become ${status}`, {
            field: 'timeoutMs',
            rule: `${timeoutMs} ms`,
          }),
        ),
      timeoutMs,
    );
    try {
      return await found;
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #sendTones(text: string, spacingMs: number): Promise<void> {
    const { clock, signal, room } = this.#options;
    for (const [index, digit] of [...text].entries()) {
      if (index > 0) await sleep(clock, spacingMs, signal);
      if (signal.aborted) throw ended('sendDtmf');
      const self = room()?.localParticipant;
      const code = codeOf(digit);
      if (self === undefined || code === undefined) {
        throw new AgentError('ERR_TRANSPORT', 'the agent is not in the room', {
          field: 'sendDtmf',
          fix: 'Start a session first, or call `await job.joinRoom()`',
        });
      }
      const sent = withinMs(
        self.publishDtmf(code, digit).then(() => true),
        SEND_LIMIT_MS,
        clock,
      ).catch((cause: unknown) => {
        throw new AgentError('ERR_TRANSPORT', 'the room did not take a tone', { field: 'sendDtmf', cause });
      });
      if ((await sent) !== true)
        throw new AgentError('ERR_TIMEOUT', 'the room did not take a tone', {
          field: 'sendDtmf',
          rule: `${SEND_LIMIT_MS} ms`,
        });
    }
  }
}

function ended(field: string): AgentError {
  return new AgentError('ERR_CLOSED', 'the job has ended', { field });
}
