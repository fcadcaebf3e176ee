// Crashes one part of a live call on purpose, and tells who started it again and after how long.
import type { Llm, Runtime } from '../../index.ts';
import type { Report } from '../../supervisor/index.ts';
import { crash } from '../../testing/index.ts';
import type { DemoEvent, DemoEventBody, KillPart } from './demo-event.ts';

/** The turn of the user in which it happens. */
const VICTIM_TURN = 2;
/** Into the voice of the user: after the first words, well before the last ones. */
const INTO_SPEECH_MS = 900;
/** A request to the model that is under way: a remote model would take longer. */
const INTO_REQUEST_MS = 30;

type ActorRef = ReturnType<Runtime['registry']['whereis']>;

export interface KillerOptions {
  readonly part: KillPart;
  readonly emit: (event: DemoEventBody) => void;
  /** Also kills the engine behind the part, where it has one; says what was killed. */
  readonly killEngine?: (() => string) | undefined;
}

export class Killer {
  readonly #options: KillerOptions;
  #call: { readonly runtime: Runtime; readonly sessionId: string } | undefined;
  #userTurn = 0;
  #sessionTurn: string | undefined;
  #isSpeaking = false;
  #killedAtMs: number | undefined;
  #isHealed = false;

  constructor(options: KillerOptions) {
    this.#options = options;
  }

  watch(runtime: Runtime, sessionId: string): void {
    this.#call = { runtime, sessionId };
  }

  /** Every event of the call; `userTurn` is the turn that speech of this moment belongs to. */
  take(event: DemoEvent, userTurn: number): void {
    const { part } = this.#options;
    const clock = this.#call?.runtime.clock;
    if (clock === undefined) return;
    switch (event.type) {
      case 'user_state_changed': {
        this.#isSpeaking = event.toState === 'speaking';
        const isTime = this.#isSpeaking && userTurn === VICTIM_TURN && (part === 'stt' || part === 'vad');
        if (isTime) clock.setTimeout(() => this.#isSpeaking && this.#kill(), INTO_SPEECH_MS);
        return;
      }
      case 'turn_started':
        this.#userTurn = userTurn;
        this.#sessionTurn = `turn:${event.turn}.${event.attempt}.${event.mode}`;
        if (event.attempt > 1 && (part === 'llm' || part === 'turn')) {
          const again = `the session: attempt ${event.attempt}, from what is already known`;
          this.#healed(part === 'llm' ? 'llm request' : 'turn', again);
        }
        return;
      case 'state_changed': {
        const isTime = event.toState === 'responding' && this.#userTurn === VICTIM_TURN;
        // After the step of the chart that tells this, before the first audio.
        if (isTime && (part === 'tts' || part === 'turn')) clock.setTimeout(() => this.#kill(), 0);
        return;
      }
      default:
        return;
    }
  }

  /** Supervisors tell that they started the dead part again. */
  takeReport({ kind, child, supervisor }: Report): void {
    if (kind === 'progress' && child.id === this.#options.part)
      this.#healed(child.id, `supervisor ${last(supervisor)}`);
  }

  /** A model whose request dies while it is under way. */
  around(llm: Llm): Llm {
    if (this.#options.part !== 'llm') return llm;
    const beforeAnswer = async () => {
      const clock = this.#call?.runtime.clock;
      if (clock === undefined || this.#userTurn !== VICTIM_TURN || this.#killedAtMs !== undefined) return;
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, INTO_REQUEST_MS);
      });
      this.#kill();
    };
    return {
      label: llm.label,
      async *chat(request) {
        await beforeAnswer();
        yield* llm.chat(request);
      },
    };
  }

  #kill(): void {
    if (this.#call === undefined || this.#killedAtMs !== undefined) return;
    const { runtime, sessionId } = this.#call;
    const { part, emit, killEngine } = this.#options;
    const name = part === 'llm' || part === 'turn' ? this.#sessionTurn : part;
    const owner = runtime.registry.whereis(`${sessionId}/${name}`);
    const victim = part === 'llm' ? childOf(owner) : owner;
    if (victim === undefined) return;
    this.#killedAtMs = runtime.clock.now();
    const engine = killEngine?.();
    const where = part === 'llm' ? `the request to the model inside ${name}` : `actor ${name}`;
    emit({ type: 'part_killed', part, what: engine === undefined ? where : `${where}, and ${engine}` });
    crash(victim);
  }

  #healed(part: string, by: string): void {
    if (this.#call === undefined || this.#killedAtMs === undefined || this.#isHealed) return;
    this.#isHealed = true;
    const afterMs = this.#call.runtime.clock.now() - this.#killedAtMs;
    this.#options.emit({ type: 'part_restarted', part, by, afterMs });
  }
}

/** The only actor that a turn keeps is its request to the model. */
function childOf(turn: ActorRef): ActorRef {
  const children: Record<string, ActorRef> = turn?.getSnapshot().children ?? {};
  return Object.values(children)[0];
}

const last = (path: string) => path.slice(path.lastIndexOf('/') + 1);
