// `livekitex-agent demo`: a whole spoken call on this machine, shown live and recorded.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { writeWav } from '../audio/wav-writer.ts';
import { realClock, sleep } from '../clock.ts';
import { AgentError } from '../errors.ts';
import { type EmbeddedSet, embeddedProviders } from '../providers/local/embedded.ts';
import { type Arguments, type CommandSpec, parseArguments } from './arguments.ts';
import { type DemoCallResult, type DemoUser, holdDemoCall } from './demo/demo-call.ts';
import { type DemoEvent, KILL_PARTS } from './demo/demo-event.ts';
import { meanLatency } from './demo/latency.ts';
import { DEMO_SCRIPT, USER_VOICE } from './demo/script.ts';
import { timeline } from './demo/timeline.ts';
import { checkWritable, recordedUser, spokenScript } from './demo/user-audio.ts';
import { progressWriter } from './progress.ts';
import { styleOf } from './style.ts';
import type { CommandIo } from './terminal-io.ts';

const ENGINES = ['wasm', 'native', 'auto'] as const;
/** The voice of the agent unless it is told another. */
const AGENT_VOICE = 'slt';

export const DEMO_COMMAND: CommandSpec = {
  name: 'demo',
  summary:
    'Holds a spoken call through the whole pipeline, shows it live and records it.\nThe user is a second synthetic voice; nothing leaves this machine.',
  options: [
    { name: '--out', value: 'FILE', help: 'Stereo recording: left the user, right the agent. Default demo.wav.' },
    { name: '--wav', value: 'FILE', help: 'Play this WAV file as the user instead of the script.' },
    { name: '--engine', value: 'NAME', choices: ENGINES, help: 'Where speech is recognised. Default wasm.' },
    { name: '--kill', value: 'PART', choices: KILL_PARTS, help: 'Crash a part in the second turn; the call goes on.' },
    { name: '--json', help: 'One JSON object per line on stdout, {"atMs", "type", ...}, and nothing else.' },
  ],
  notes: [
    'Exit code: 0 when every turn was answered, 1 when one was not or the call could not be held, 2 for wrong arguments,\n130 after Ctrl-C (the recording so far is written).',
    'Types of --json: demo_started, user_turn_started, user_turn_ended, part_killed, engine_down,\npart_restarted, summary, and the events of the session under their own names and with their own fields\n(state_changed, stt_result, tool_called, ...).\n`atMs` counts from the beginning of the recording. Under npm: `npm run --silent demo -- --json`.',
  ],
};

/** @throws AgentError `ERR_USAGE`, `ERR_WAV_FORMAT`, `ERR_MODEL_MISSING`, `ERR_ENGINE` */
export async function demoCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const options = parseArguments(DEMO_COMMAND, argv);
  const out = options.value('--out') ?? 'demo.wav';
  const wav = options.value('--wav');
  const user = wav === undefined ? undefined : await recordedUser(wav);
  if (wav !== undefined && resolve(wav) === resolve(out))
    throw new AgentError('ERR_USAGE', 'names the file that is played', { field: '--out', fix: 'Name another file' });
  await checkWritable(out);
  return run(options, user ?? null, out, io);
}

async function run(options: Arguments, recorded: DemoUser | null, out: string, io: CommandIo): Promise<number> {
  const show = printer(options.has('--json'), io);
  const part = KILL_PARTS.find((each) => each === options.value('--kill'));
  const engine = ENGINES.find((each) => each === options.value('--engine')) ?? 'wasm';
  const progress = progressWriter(io.stderr);
  const providers = await embeddedProviders({ engine, onProgress: progress.show }).finally(progress.end);
  let result: DemoCallResult | undefined;
  try {
    const fromMs = realClock.now();
    const user = recorded ?? (await spokenScript());
    await warmUp(providers, io.signal);
    show({
      atMs: 0,
      type: 'demo_started',
      user: options.value('--wav') ?? USER_VOICE,
      agent: AGENT_VOICE,
      turns: user.kind === 'script' ? user.turns.length : null,
      engine: `${providers.stt.label} (${providers.stt.engines.pids.length > 0 ? 'native' : 'wasm'})`,
      warmUpMs: realClock.now() - fromMs,
    });
    result = await holdDemoCall({
      clock: realClock,
      providers,
      user,
      emit: show,
      engines: providers.engines,
      kill: part && { part, killEngine: part === 'stt' ? () => killSpeechEngine(providers) : undefined },
      signal: io.signal,
    });
  } finally {
    for (const each of providers.engines) each.stop();
  }
  return conclude(result, recorded === null, out, show, io);
}

/** Starts every part, spare engines included: a spare that loads beside the first turn would be counted as latency. */
async function warmUp({ engines, llm }: EmbeddedSet, signal: AbortSignal): Promise<void> {
  await Promise.all(engines.map((each) => each.start()));
  // The model reads its phrases at first use.
  const chat = { messages: [{ role: 'user', content: 'hello' }], tools: [], toolChoice: 'auto', signal } as const;
  for await (const _ of llm.chat(chat));
  while (!signal.aborted && engines.some((each) => each.isStarting)) await sleep(realClock, 20, signal);
}

/** Asks for more than can be done in the time: the host takes the engine for hung and kills it. */
function killSpeechEngine({ stt: { engines } }: EmbeddedSet): string {
  const [pid] = engines.pids;
  const samples = new Int16Array(16_000 * 20);
  // The rejection is the point; the utterance that is open is heard again by the spare engine.
  void engines.request({ samples }, { deadlineMs: 1, urgent: true }).catch(() => {});
  return pid === undefined ? 'its engine, a thread, in the middle of an inference' : `its engine, process ${pid}`;
}

async function conclude(
  { turns, recording }: DemoCallResult,
  isScripted: boolean,
  out: string,
  show: (event: DemoEvent) => void,
  io: CommandIo,
): Promise<number> {
  await writeFile(out, writeWav(recording));
  const answered = turns.filter((turn) => turn.answered);
  const wanted = isScripted ? DEMO_SCRIPT.length : turns.length;
  const wavDurationMs = (recording.samples.length / recording.channels / recording.sampleRateHz) * 1000;
  const exitCode = io.signal.aborted ? 130 : answered.length === wanted ? 0 : 1;
  show({
    atMs: wavDurationMs,
    type: 'summary',
    turns: wanted,
    answered: answered.length,
    asScripted: turns.filter((turn) => turn.asScripted).length,
    latency: meanLatency(answered.flatMap(({ latency }) => latency ?? [])),
    wav: resolve(out),
    wavDurationMs,
    aborted: io.signal.aborted,
    exitCode,
  });
  return exitCode;
}

/** Times are rounded to a tenth of a millisecond: more digits are noise of the clock. */
function jsonLine(event: DemoEvent): string {
  return JSON.stringify(event, (key, value: unknown) =>
    typeof value === 'number' && key.endsWith('Ms') ? Math.round(value * 10) / 10 : value,
  );
}

/** Longer than state changes of one step lie apart, shorter than a reader notices. */
const FLUSH_MS = 40;

function printer(isJson: boolean, { stdout, env }: CommandIo): (event: DemoEvent) => void {
  if (isJson) return (event) => void stdout.write(`${jsonLine(event)}\n`);
  const { linesOf, rest } = timeline(styleOf(stdout, env));
  const write = (lines: readonly string[]) => {
    for (const line of lines) stdout.write(`${line}\n`);
  };
  let timer: unknown;
  return (event) => {
    realClock.clearTimeout(timer);
    write(linesOf(event));
    timer = realClock.setTimeout(() => write(rest()), FLUSH_MS);
  };
}
