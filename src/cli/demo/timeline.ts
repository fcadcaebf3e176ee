// The demo as people read it: one event, one line with its time and who it is about, wrapped to the terminal.
import { type Ink, type Style, wrap } from '../style.ts';
import type { DemoEvent } from './demo-event.ts';
import { describeLatency, latencyBar, stagesOf } from './latency.ts';

interface Row {
  readonly who: string;
  readonly text: string;
  readonly ink?: Ink | readonly Ink[];
}

/** Below this many columns the text stands under its head instead of beside it. */
const NARROW = 56;
const TIME_CELLS = 7;
const WHO_CELLS = 13;

/** State changes this close together are shown as one line: the states between were passed through. */
const CHAIN_MS = 25;

export interface Timeline {
  /** Lines without line ends; none for events that say nothing new to a reader. State changes wait for the next event. */
  linesOf(event: DemoEvent): readonly string[];
  /** What waits; to be asked for when nothing more came for a moment. */
  rest(): readonly string[];
}

export function timeline(style: Style): Timeline {
  let turns: number | null = null;
  let chain: { readonly fromMs: number; readonly text: string } | undefined;
  let state = '';
  const rest = () => {
    const lines = chain === undefined ? [] : draw(chain.fromMs, { who: 'state', text: chain.text, ink: 'dim' }, style);
    chain = undefined;
    return lines;
  };
  return {
    rest,
    linesOf(event) {
      if (event.type === 'state_changed') {
        const isNear = chain !== undefined && event.atMs - chain.fromMs < CHAIN_MS;
        const before = isNear ? [] : rest();
        const text = `${chain?.text ?? event.fromState} → ${event.toState}`;
        chain = { fromMs: chain?.fromMs ?? event.atMs, text };
        state = event.toState;
        return before;
      }
      const lines = linesFor(event, state, turns, style);
      if (event.type === 'demo_started') turns = event.turns;
      return lines.length === 0 ? [] : [...rest(), ...lines];
    },
  };
}

function linesFor(event: DemoEvent, state: string, turns: number | null, style: Style): readonly string[] {
  switch (event.type) {
    case 'demo_started':
      return opening(event, style);
    case 'user_turn_started':
      return heading(event, turns, style);
    case 'summary':
      return closing(event, style);
    default:
      return rowsOf(event, state).flatMap((row) => draw(event.atMs, row, style));
  }
}

function draw(atMs: number, { who, text, ink }: Row, style: Style): readonly string[] {
  const time = (atMs / 1000).toFixed(2).padStart(TIME_CELLS);
  const paint = (line: string) => (ink === undefined ? line : style.paint(ink, line));
  const dimTime = style.paint('dim', time);
  if (style.width < NARROW) {
    // The head takes its place in the first line as one word, and is painted afterwards.
    const head = `${time}_${who}_`.replaceAll(' ', '_');
    const [first = '', ...rest] = wrap(`${head} ${text}`, style.width - 2);
    const opening = `${dimTime} ${style.paint(inkOf(who), who)} `;
    return [`${opening}${paint(first.slice(head.length))}`.trimEnd(), ...rest.map((line) => `  ${paint(line)}`)];
  }
  const head = `${dimTime}  ${style.paint(inkOf(who), who.padEnd(WHO_CELLS))}`;
  const indent = TIME_CELLS + 2 + WHO_CELLS;
  const lines = wrap(text, style.width - indent);
  return lines.map((line, i) => (i === 0 ? head : ' '.repeat(indent)) + paint(line));
}

function inkOf(who: string): Ink | readonly Ink[] {
  switch (who) {
    case 'user':
      return 'cyan';
    case 'agent':
      return 'green';
    case 'tool':
      return 'yellow';
    case 'latency':
      return 'blue';
    case 'interrupted':
      return 'magenta';
    case 'killed':
    case 'error':
      return ['red', 'bold'];
    case 'restarted':
      return ['green', 'bold'];
    default:
      return 'dim';
  }
}

function rowsOf(event: DemoEvent, state: string): readonly Row[] {
  switch (event.type) {
    case 'user_state_changed':
      // The state of the session says the same, except while the agent speaks.
      return event.toState === 'speaking' && state === 'speaking' ? [{ who: 'user', text: 'speaks up' }] : [];
    case 'stt_result':
      return event.isFinal
        ? [{ who: 'user', text: `“${event.text}”`, ink: 'bold' }]
        : [{ who: 'user', text: `${event.text} …`, ink: 'dim' }];
    case 'turn_started':
      if (event.mode === 'fallback') return [{ who: 'turn', text: 'the answer failed: an apology follows' }];
      return event.attempt > 1 ? [{ who: 'turn', text: `attempt ${event.attempt} of the answer` }] : [];
    case 'tool_called':
      return [{ who: 'tool', text: `${event.toolName}(${event.arguments})`, ink: 'yellow' }];
    case 'tool_completed':
      return [{ who: 'tool', text: `${event.toolName} → ${event.result} (${took(event.durationMs)})`, ink: 'yellow' }];
    case 'tool_error':
      return [
        { who: 'tool', text: `${event.toolName} failed: ${event.error} (${took(event.durationMs)})`, ink: 'red' },
      ];
    case 'response_generated':
      return event.text === '' ? [] : [{ who: 'agent', text: `“${event.text.trim()}”`, ink: 'bold' }];
    case 'interruption': {
      const heardText = event.heardText.trim();
      if (event.playedMs === 0) return [{ who: 'turn', text: 'more words came: the answer begins again', ink: 'dim' }];
      const heard = heardText === '' ? 'nothing was heard' : `heard: “${heardText}”`;
      const text = `by the ${event.cause === 'voice' ? 'voice of the user' : event.cause} after ${took(event.playedMs)} of speech; ${heard}`;
      return [{ who: 'interrupted', text, ink: 'magenta' }];
    }
    case 'session_error':
      return [{ who: 'error', text: `${event.part}: ${event.message} [${event.code}]`, ink: 'red' }];
    case 'part_killed':
      return [{ who: 'killed', text: event.what, ink: 'red' }];
    case 'engine_down': {
      const heir = event.spares > 0 ? 'the loaded spare takes over' : 'a new one is loaded';
      return [{ who: 'killed', text: `the ${event.engine} engine is dead; ${heir}`, ink: 'red' }];
    }
    case 'part_restarted':
      return [{ who: 'restarted', text: `${event.part} by ${event.by}, after ${took(event.afterMs)}`, ink: 'green' }];
    case 'turn_completed':
      if (event.latency.totalMs === null) return [];
      return event.outcome === 'completed' || event.outcome === 'interrupted'
        ? []
        : [{ who: 'turn', text: `ended: ${event.outcome}`, ink: 'red' }];
    case 'user_turn_ended': {
      const verdict: Row = event.answered
        ? { who: 'turn', text: `✓ ${event.userTurn} answered${event.asScripted ? '' : ', though not as scripted'}` }
        : { who: 'turn', text: `✗ ${event.userTurn} was not answered`, ink: 'red' };
      return event.latency === null
        ? [verdict]
        : [verdict, { who: 'latency', text: describeLatency(event.latency), ink: 'blue' }];
    }
    default:
      return [];
  }
}

const took = (ms: number) => (ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`);

function opening(event: DemoEvent & { type: 'demo_started' }, { paint, width }: Style): readonly string[] {
  const who =
    event.turns === null
      ? `A recorded user (${event.user}) talks to a synthetic agent (voice "${event.agent}").`
      : `Two synthetic voices talk to each other: the user is "${event.user}", the agent "${event.agent}". No microphone, no network.`;
  const how = `Speech recognition: ${event.engine}. Engines ready after ${took(event.warmUpMs)}; times are in seconds.`;
  return [
    ...wrap(who, width).map((line) => paint('bold', line)),
    ...wrap(how, width).map((line) => paint('dim', line)),
  ];
}

function heading(
  { userTurn, shows, says }: DemoEvent & { type: 'user_turn_started' },
  turns: number | null,
  { paint, width }: Style,
): readonly string[] {
  const of = turns === null ? '' : ` of ${turns}`;
  const title = `── Turn ${userTurn}${of}${shows === '' ? '' : `: ${shows}`} `;
  const [first = '', ...rest] = wrap(title, width);
  const lines = rest.length > 0 ? [first, ...rest] : [`${first} `.padEnd(width, '─')];
  const script = says === '' ? [] : wrap(`says: ${says}`, width - 3).map((line) => paint('cyan', `   ${line}`));
  return ['', ...lines.map((line) => paint('bold', line)), ...script];
}

const BAR_CELLS = 40;
const SUMMARY_CELLS = 17;

function closing(event: DemoEvent & { type: 'summary' }, { paint, width }: Style): readonly string[] {
  const { turns, answered, asScripted, latency, wav, wavDurationMs, aborted } = event;
  const isGood = turns > 0 && answered === turns && !aborted;
  const ms = (value: number | null) => (value === null ? '–' : `${Math.round(value)} ms`);
  const lines: string[] = ['', paint('bold', `${'── Summary '.padEnd(width, '─')}`)];
  const row = (label: string, text: string, ink?: Ink) => {
    const cells = width < NARROW ? 2 : SUMMARY_CELLS;
    const wrapped = wrap(text, width - cells).map((line) => (ink === undefined ? line : paint(ink, line)));
    if (width < NARROW) lines.push(label, ...wrapped.map((line) => `  ${line}`));
    else lines.push(...wrapped.map((line, i) => (i === 0 ? label : '').padEnd(cells) + line));
  };
  const verdict = turns === 0 ? 'nobody said anything' : `${answered} of ${turns} turns`;
  row('answered', aborted ? `${verdict}; stopped before the end` : verdict, isGood ? 'green' : 'red');
  if (asScripted < answered) row('as scripted', `${asScripted} of ${answered} answers`);
  if (answered > 0) {
    row('mean latency', `${ms(latency.totalMs)}, from the last voice of the user to the first audio of the agent`);
    const bar = latencyBar(latency, Math.min(BAR_CELLS, width - 20));
    if (width >= NARROW) lines.push(' '.repeat(SUMMARY_CELLS) + paint('blue', bar));
    for (const { label, ms: stageMs } of stagesOf(latency)) row(`  ${label}`, `${ms(stageMs)}${WHY[label] ?? ''}`);
  }
  row('recording', `${wav} (${(wavDurationMs / 1000).toFixed(1)} s; left: user, right: agent)`, 'bold');
  return lines;
}

/** What each delay is made of. */
const WHY: Readonly<Record<string, string>> = {
  endpointing: ': silence that must pass before a sentence counts as over, longer after an unfinished one; an option',
  transcription: ': then waiting for the recogniser; most of its work was done during the silence',
  model: ': until the first words or tool call; the embedded stand-in answers from a table',
  tools: ': in the turns that called one',
  voice: ': from the first words to the first audio, spoken clause by clause',
};
