// A recogniser for tests: knows the script and writes down the words whose audio it was given, on the clock.
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { Stt, SttOpenOptions, SttStream } from '../providers/stt.ts';
import { HeardLine, readCodes, type SpokenScript } from './spoken-script.ts';

/** How the recogniser misbehaves; changed at any time. */
export interface SttFaults {
  /** Opening a stream throws. */
  failsToOpen?: boolean;
  /** A stream with something to report hangs instead, for good. */
  isMute?: boolean;
  /** Every result is reported twice. */
  repeats?: boolean;
  /** Goes on reporting after it was closed, as a network stream does. */
  isLate?: boolean;
  /** The next timer of a stream throws, once: a bug in a callback. */
  throwsNext?: boolean;
}

/**
 * For each line: a partial with its first two words at half the delay, the final after the delay, counted from the end
 * of the voice. A line that was cut is written down as far as it was heard.
 */
export class ScriptedStt implements Stt {
  readonly label = 'scripted stt';
  readonly capabilities = { partials: true, languages: ['*'] } as const;
  readonly faults: SttFaults = {};
  readonly #script: SpokenScript;
  readonly #streams = new Set<(error: unknown) => void>();

  constructor(script: SpokenScript) {
    this.#script = script;
  }

  /** Breaks every open stream. */
  breakStreams(error: unknown = new AgentError('ERR_PROVIDER', 'the recogniser broke')): void {
    for (const fail of [...this.#streams]) fail(error);
  }

  open(options: SttOpenOptions): SttStream {
    if (this.faults.failsToOpen === true) throw new AgentError('ERR_PROVIDER', 'the recogniser does not open');
    const { report, clock, signal, fail } = options;
    this.#streams.add(fail);
    let isClosed = false;
    let hangs = false;
    const stream = new ScriptedSttStream(this.#script, clock, this.faults, (result) => {
      hangs ||= this.faults.isMute === true;
      if (hangs || ((isClosed || signal.aborted) && this.faults.isLate !== true)) return;
      report(result);
      if (this.faults.repeats === true) report(result);
    });
    return {
      begin: (utterance) => {
        if (!isClosed) stream.begin(utterance);
      },
      write: (frame) => stream.write(frame),
      end: (utterance) => stream.end(utterance),
      discard: (utterance) => stream.discard(utterance),
      close: () => {
        this.#streams.delete(fail);
        isClosed = true;
        stream.close();
      },
    };
  }
}

interface OpenUtterance {
  readonly heard: Map<number, HeardLine>;
  /** Lines whose final was reported or is on its way. */
  readonly settled: Set<number>;
  readonly timers: Set<unknown>;
  /** Samples written. */
  written: number;
  /** Samples written up to the end of each line. */
  readonly ends: Map<number, number>;
  isEnded: boolean;
  /** Finals of one utterance come in the order of its lines. */
  lastDueMs: number;
  /** Texts that are due after the end: one final closes the utterance. */
  readonly rest: string[];
}

class ScriptedSttStream {
  readonly #script: SpokenScript;
  readonly #clock: Clock;
  readonly #faults: SttFaults;
  readonly #report: SttOpenOptions['report'];
  readonly #utterances = new Map<number, OpenUtterance>();
  #current = 0;

  constructor(script: SpokenScript, clock: Clock, faults: SttFaults, report: SttOpenOptions['report']) {
    this.#script = script;
    this.#clock = clock;
    this.#faults = faults;
    this.#report = report;
  }

  begin(utterance: number): void {
    this.#current = utterance;
    this.#utterances.set(utterance, {
      heard: new Map(),
      settled: new Set(),
      timers: new Set(),
      written: 0,
      ends: new Map(),
      isEnded: false,
      lastDueMs: 0,
      rest: [],
    });
  }

  write(frame: Parameters<SttStream['write']>[0]): void {
    const open = this.#utterances.get(this.#current);
    if (open === undefined || open.isEnded) return;
    readCodes(frame, (code, word, from, to) => {
      const heard = open.heard.get(code) ?? new HeardLine();
      open.heard.set(code, heard);
      heard.add(word, to - from);
      open.ends.set(code, open.written + to);
    });
    open.written += frame.samples.length;
    // A line that was cut is over when the next one begins.
    const last = [...open.heard.keys()].at(-1);
    for (const [code, heard] of open.heard) {
      const line = this.#script.line(code);
      if (line === undefined || open.settled.has(code)) continue;
      if (heard.total < line.samples && code === last) continue;
      this.#settle(this.#current, open, code, line.sttDelayMs);
    }
  }

  end(utterance: number): void {
    const open = this.#utterances.get(utterance);
    if (open === undefined || open.isEnded) return;
    open.isEnded = true;
    for (const code of open.heard.keys())
      if (!open.settled.has(code)) this.#settle(utterance, open, code, this.#script.line(code)?.sttDelayMs ?? 0);
    if (open.timers.size === 0) this.#close(utterance, '');
  }

  discard(utterance: number): void {
    this.#drop(utterance);
  }

  close(): void {
    if (this.#faults.isLate === true) return;
    for (const utterance of [...this.#utterances.keys()]) this.#drop(utterance);
  }

  #settle(utterance: number, open: OpenUtterance, code: number, lineDelayMs: number): void {
    open.settled.add(code);
    const delayMs = Math.max(lineDelayMs, open.lastDueMs - this.#clock.now());
    open.lastDueMs = this.#clock.now() + delayMs;
    const line = this.#script.line(code);
    if (line === undefined) return;
    const text = open.heard.get(code)?.textOf(line) ?? '';
    if (text !== '')
      this.#after(open, delayMs / 2, () => {
        const partial = text.split(' ').slice(0, 2).join(' ');
        this.#report({ type: 'partial', utterance, text: partial });
      });
    this.#after(open, delayMs, () => {
      if (!open.isEnded) {
        if (text !== '') this.#report({ type: 'final', utterance, text, coveredSamples: open.ends.get(code) ?? 0 });
        return;
      }
      open.rest.push(text);
      if (open.timers.size === 0) this.#close(utterance, open.rest.filter((part) => part !== '').join(' '));
    });
  }

  #close(utterance: number, text: string): void {
    this.#drop(utterance);
    this.#report({ type: 'final', utterance, text });
  }

  #after(open: OpenUtterance, delayMs: number, run: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      open.timers.delete(timer);
      if (this.#faults.throwsNext === true) {
        this.#faults.throwsNext = false;
        throw new TypeError('a bug of the recogniser');
      }
      run();
    }, delayMs);
    open.timers.add(timer);
  }

  #drop(utterance: number): void {
    const open = this.#utterances.get(utterance);
    for (const timer of open?.timers ?? []) this.#clock.clearTimeout(timer);
    this.#utterances.delete(utterance);
  }
}
