// Bookkeeping of the demo: which turn of the user was answered, with what, and how long that took.
import type { AnswerLatency, DemoEvent } from './demo-event.ts';
import { transcriptWait } from './latency.ts';

export interface ExpectedAnswer {
  readonly calls: readonly { readonly name: string; readonly arguments: { readonly location: string } }[];
  readonly replyHas: readonly string[];
}

export interface BookedTurn {
  readonly n: number;
  readonly shows: string;
  readonly heard: string;
  readonly reply: string;
  readonly answered: boolean;
  readonly asScripted: boolean;
  readonly latency: AnswerLatency | null;
}

interface OpenTurn {
  readonly n: number;
  readonly shows: string;
  readonly expected: ExpectedAnswer | null;
  heard: string[];
  reply: string[];
  calls: { readonly name: string; readonly arguments: string }[];
  toolsFromMs: number | null;
  toolsToMs: number | null;
  /** From the end of speech, as the session took it, to the beginning of the answer. */
  sinceEndMs: number;
  /** An answer is being heard, or was. */
  spoken: boolean;
  answered: boolean;
  /** The session has ended its answer, for better or worse. */
  settled: boolean;
  latency: AnswerLatency | null;
  isTold: boolean;
}

/**
 * Fed with every event of a call in order. A turn of the user counts as answered when a reply to it was heard to its
 * end, or until the user spoke again; the apology after a failure is no answer.
 */
export class TurnBook {
  readonly #turns: OpenTurn[] = [];
  /** Which turn of the user each turn of the session answers. */
  readonly #owners = new Map<number, OpenTurn>();
  #running: OpenTurn | undefined;
  #speechEndedAtMs: number | undefined;

  /** The user begins to speak. */
  begin(shows: string, expected: ExpectedAnswer | null): number {
    const n = this.#turns.length + 1;
    this.#turns.push({
      n,
      shows,
      expected,
      heard: [],
      reply: [],
      calls: [],
      toolsFromMs: null,
      toolsToMs: null,
      sinceEndMs: 0,
      spoken: false,
      answered: false,
      settled: false,
      latency: null,
      isTold: false,
    });
    return n;
  }

  /** Number of the turn that speech of this moment belongs to: the last one, until its answer is heard. */
  get speakingTurn(): number {
    const last = this.#turns.at(-1);
    return last === undefined || last.spoken || last.settled ? this.#turns.length + 1 : last.n;
  }

  get count(): number {
    return this.#turns.length;
  }

  isSpoken(n: number): boolean {
    return this.#turns[n - 1]?.spoken ?? false;
  }

  isSettled(n: number): boolean {
    return this.#turns[n - 1]?.settled ?? false;
  }

  get turns(): readonly BookedTurn[] {
    return this.#turns.map(booked);
  }

  /** Each turn once, when its answer has ended; `all`: also those that wait for one. */
  takeEnded(all: boolean): readonly BookedTurn[] {
    const ended = this.#turns.filter((turn) => !turn.isTold && (all || turn.settled));
    for (const turn of ended) turn.isTold = true;
    return ended.map(booked);
  }

  take(event: DemoEvent): void {
    const last = this.#turns.at(-1);
    switch (event.type) {
      case 'state_changed':
        if (event.fromState === 'listening') this.#speechEndedAtMs = event.atMs;
        return;
      case 'stt_result':
        if (event.isFinal) last?.heard.push(event.text);
        return;
      case 'turn_started': {
        if (last !== undefined && !this.#owners.has(event.turn)) this.#owners.set(event.turn, last);
        this.#running = this.#owners.get(event.turn);
        if (this.#running !== undefined && event.attempt === 1)
          this.#running.sinceEndMs = event.atMs - (this.#speechEndedAtMs ?? event.atMs);
        return;
      }
      case 'tool_called':
        if (this.#running === undefined) return;
        this.#running.toolsFromMs ??= event.atMs;
        this.#running.calls.push({ name: event.toolName, arguments: event.arguments });
        return;
      case 'tool_completed':
      case 'tool_error':
        if (this.#running !== undefined) this.#running.toolsToMs = event.atMs;
        return;
      case 'response_generated':
        this.#owners.get(event.turn)?.reply.push(event.text);
        return;
      case 'speaking_started': {
        const turn = this.#owners.get(event.turn);
        if (turn !== undefined) turn.spoken = true;
        return;
      }
      case 'turn_completed': {
        const turn = this.#owners.get(event.turn);
        if (turn === undefined) return;
        const { outcome, latency, mode } = event;
        const wasHeard = latency.totalMs !== null;
        if (outcome === 'interrupted' && !wasHeard) return; // the words go on; another turn will answer them
        turn.settled = true;
        if (mode === 'fallback' || !wasHeard) return;
        turn.answered = outcome === 'completed' || outcome === 'interrupted';
        const { toolsFromMs, toolsToMs } = turn;
        turn.latency ??= {
          ...latency,
          // Words that were taken as they stood have no final of their own, only that of an earlier turn.
          transcriptionMs: (latency.transcriptionMs ?? -1) < 0 ? null : latency.transcriptionMs,
          transcriptWaitMs: transcriptWait(latency, (latency.endpointingMs ?? 0) - turn.sinceEndMs),
          toolsMs: toolsFromMs === null || toolsToMs === null ? null : toolsToMs - toolsFromMs,
        };
        return;
      }
      default:
        return;
    }
  }
}

function booked(turn: OpenTurn): BookedTurn {
  const { n, shows, answered, latency } = turn;
  const asScripted = answered && isAsScripted(turn);
  return { n, shows, heard: turn.heard.join(' '), reply: turn.reply.join(' '), answered, asScripted, latency };
}

function isAsScripted({ expected, calls, reply }: OpenTurn): boolean {
  if (expected === null) return true;
  const wanted = expected.calls.map((call) => `${call.name} ${call.arguments.location}`).sort();
  const made = calls.map((call) => `${call.name} ${locationOf(call.arguments)}`).sort();
  const text = reply.join(' ');
  return wanted.join('\n') === made.join('\n') && expected.replyHas.every((word) => text.includes(word));
}

function locationOf(written: string): string {
  try {
    const { location } = JSON.parse(written) as { location?: unknown }; // checked by String below
    return String(location);
  } catch {
    return '';
  }
}
