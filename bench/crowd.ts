// Many calls in one process, frames in real time both ways: latency under load, unanswered turns, and CPU per core.
import { realClock, sleep } from '../src/clock.ts';
import { type QuickCall, quickCall, quickRuntime, SILENT_FRAMES, silentFrame, voiceFrame } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const FRAME_MS = 20;
const VOICE_FRAMES = 40;
/** One turn in four seconds: 0.8 s of speech, 1.5 s of reply, the rest silence, as in a lively call. */
const CYCLE_FRAMES = 200;
const REPLY_MS = 1_500;
const WARM_UP_MS = 5_000;
const MEASURED_MS = 20_000;

interface Crowd {
  readonly latencies: readonly number[];
  readonly unanswered: number;
  readonly turns: number;
  /** Percent of one core, callers included. */
  readonly cpuPercent: number;
}

export async function benchCrowd(): Promise<BenchRow[]> {
  const floor = await crowd(50, false);
  const fifty = await crowd(50, true);
  const hundred = await crowd(100, true);
  const twoHundred = await crowd(200, true);
  return [
    { ...latency(100, hundred), target: { p95: 10 } },
    unanswered(100, hundred),
    latency(200, twoHundred),
    unanswered(200, twoHundred),
    {
      name: 'CPU of one core, 50 sessions in real time, callers included',
      unit: '%',
      measured: { value: fifty.cpuPercent },
      target: { value: 25 },
      floor: { value: floor.cpuPercent },
    },
    {
      name: 'CPU of one core, 100 sessions in real time, callers included',
      unit: '%',
      measured: { value: hundred.cpuPercent },
    },
  ];
}

function latency(sessions: number, { latencies }: Crowd): BenchRow {
  return {
    name: `end of turn -> first audio at the sink, ${sessions} sessions`,
    unit: 'ms',
    measured: figuresOf(latencies),
    note: 'from the moment the last frame was due, so a late event loop counts',
  };
}

function unanswered(sessions: number, { unanswered: count, turns }: Crowd): BenchRow {
  return {
    name: `unanswered turns, ${sessions} sessions, of ${turns}`,
    unit: 'count',
    measured: { value: count },
    target: { value: 0 },
  };
}

/** `isRunning: false` is the floor: the callers' timers alone. */
async function crowd(size: number, isRunning: boolean): Promise<Crowd> {
  const runtime = quickRuntime({ replyMs: REPLY_MS, reply: 'This is what I know about it.' });
  const users: User[] = [];
  for (let i = 0; i < size; i++) {
    const call = isRunning ? await quickCall(runtime) : null;
    users.push(new User(call, Math.floor((i * CYCLE_FRAMES) / size)));
  }
  const startMs = realClock.now();
  for (const [i, user] of users.entries()) user.start(startMs + (i * FRAME_MS) / size);
  await sleep(realClock, WARM_UP_MS);
  const before = process.cpuUsage();
  const fromMs = realClock.now();
  for (const user of users) user.reset();
  await sleep(realClock, MEASURED_MS);
  const { user, system } = process.cpuUsage(before);
  const tookMs = realClock.now() - fromMs;
  // A reply that is late but under way is not lost: each user gets the time of one more reply.
  for (const each of users) each.stopAsking();
  await sleep(realClock, 1_000);
  for (const each of users) each.stop();
  await runtime.close();
  return {
    latencies: users.flatMap(({ latencies }) => latencies),
    unanswered: users.reduce((sum, { waiting }) => sum + waiting, 0),
    turns: users.reduce((sum, { turns }) => sum + turns, 0),
    cpuPercent: ((user + system) / 1000 / tookMs) * 100,
  };
}

/** Sends a frame every 20 ms on a grid of its own and asks once per cycle. */
class User {
  latencies: number[] = [];
  turns = 0;
  waiting = 0;
  readonly #call: QuickCall | null;
  #frame: number;
  #dueMs = 0;
  #endMs: number | null = null;
  #timer: unknown;
  #isAsking = true;

  constructor(call: QuickCall | null, phaseFrames: number) {
    this.#call = call;
    this.#frame = phaseFrames;
    if (call === null) return;
    call.transport.onWrite = () => {
      if (this.#endMs === null) return;
      this.latencies.push(realClock.now() - this.#endMs);
      this.#endMs = null;
      this.waiting--;
    };
  }

  start(atMs: number): void {
    this.#dueMs = atMs;
    this.#arm();
  }

  /** Forgets what was counted; a reply that is awaited stays awaited. */
  reset(): void {
    this.latencies = [];
    this.turns = this.waiting;
  }

  stopAsking(): void {
    this.#isAsking = false;
  }

  stop(): void {
    realClock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = realClock.setTimeout(
      () => {
        this.#send();
        this.#dueMs += FRAME_MS;
        this.#arm();
      },
      Math.max(0, this.#dueMs - realClock.now()),
    );
  }

  #send(): void {
    const at = this.#frame++ % CYCLE_FRAMES;
    if (at === 0 && !this.#isAsking) this.#frame = VOICE_FRAMES + SILENT_FRAMES;
    const isVoice = this.#frame - 1 > 0 && at < VOICE_FRAMES && this.#isAsking;
    if (this.#call === null) return;
    if (at === VOICE_FRAMES + SILENT_FRAMES - 1 && this.#isAsking) {
      if (this.#endMs === null) this.waiting++;
      this.#endMs = this.#dueMs;
      this.turns++;
    }
    this.#call.transport.pushFrame(isVoice ? voiceFrame : silentFrame);
  }
}
