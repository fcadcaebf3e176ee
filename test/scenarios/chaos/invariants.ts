// What must hold in every call, whatever happened in it. Each rule returns what broke it, in words.
import type { SessionEventMap, TurnOutcome } from '../../../src/events.ts';
import type { Evidence } from './perform.ts';
import { isFaulty } from './plan.ts';

type Rule = (evidence: Evidence) => readonly string[];

const TOLERANCE_MS = 2;
/** Words are cut by letters, and letters are not spoken at an even pace. */
const WORD_MS = 260;
const FALLBACK = 'sorry sorry';

type EventOf<Name extends keyof SessionEventMap> = SessionEventMap[Name] & {
  readonly atMs: number;
  readonly index: number;
};

function events<Name extends keyof SessionEventMap>({ log }: Evidence, name: Name): EventOf<Name>[] {
  return log.flatMap((entry, index) =>
    entry.name === name ? [{ ...(entry.event as SessionEventMap[Name]), atMs: entry.atMs, index }] : [],
  );
}

/** When the session stopped listening: closing, or its end. */
function overAtMs(evidence: Evidence): number {
  const closing = events(evidence, 'state_changed').find(({ toState }) =>
    ['closing', 'closed', 'failed'].includes(toState),
  );
  const stopped = events(evidence, 'session_stopped')[0];
  return Math.min(closing?.atMs ?? Infinity, stopped?.atMs ?? Infinity);
}

/** The session ended by itself because too many of its parts crashed. */
function gaveUp(evidence: Evidence): boolean {
  return events(evidence, 'session_error').some(({ code, part }) => part === 'session' && code === 'ERR_SESSION');
}

function spokenBy(evidence: Evidence, text: string): { atMs: number; durationMs: number }[] {
  return evidence.heard.filter(({ segment }) => segment > 0 && evidence.spoken[segment] === text);
}

const isFrozen = ({ plan }: Evidence) => plan.steps.some(({ action }) => action.do === 'freezeSpeaker');

const neverStuck: Rule = ({ stateAtEnd, probe, plan, log }) => {
  const broken: string[] = [];
  if (!['idle', 'over', 'closed', 'failed'].includes(stateAtEnd)) broken.push(`stuck in ${stateAtEnd}`);
  if (probe === 'unanswered') {
    const state = log.findLast(({ name }) => name === 'state_changed');
    broken.push(
      `a question after all faults were mended was not answered; ${JSON.stringify(state?.event)} ${plan.call}`,
    );
  }
  return broken;
};

const endsOnlyWhenAsked: Rule = (evidence) => {
  const isAsked = evidence.plan.steps.some(({ action }) => action.do === 'hangUp' || action.do === 'close');
  if (evidence.stateAtEnd !== 'over' || isAsked) return [];
  const crashes = evidence.plan.steps.filter(({ action }) => action.do === 'crash').length;
  // Fewer crashes than the tightest budget can never end a call.
  return crashes <= 2 || !gaveUp(evidence) ? ['the call ended though nobody asked for it'] : [];
};

const startsAndStopsOnce: Rule = (evidence) => {
  const counts = [events(evidence, 'session_started').length, events(evidence, 'session_stopped').length];
  const last = evidence.log.at(-1);
  return [
    ...(counts.join() === '1,1' ? [] : [`started and stopped ${counts.join(' and ')} times`]),
    ...(last?.name === 'session_stopped' ? [] : [`${last?.name} was told after the end`]),
  ];
};

const closesInTime: Rule = ({ closeTookMs }) => (closeTookMs <= 2_100 ? [] : [`close took ${closeTookMs} ms`]);

/** Each turn that was started has one end, and an end that says what the user got. */
const everyTurnEndsOnce: Rule = (evidence) => {
  const broken: string[] = [];
  const started = events(evidence, 'turn_started');
  const completed = events(evidence, 'turn_completed');
  const errors = events(evidence, 'session_error');
  const over = overAtMs(evidence);
  for (const turn of new Set(started.map((event) => event.turn))) {
    const starts = started.filter((event) => event.turn === turn);
    const ends = completed.filter((event) => event.turn === turn);
    const [end] = ends;
    if (ends.length !== 1 || end === undefined) {
      if (over === Infinity || ends.length > 1 || !gaveUp(evidence))
        broken.push(`turn ${turn} has ${ends.length} ends`);
      continue;
    }
    const fallbacks = starts.filter(({ mode }) => mode === 'fallback').length;
    if (fallbacks > 1) broken.push(`turn ${turn} apologised ${fallbacks} times`);
    const hasError = errors.some(
      ({ index, part }) => part === 'turn' && index > (starts[0]?.index ?? 0) && index < end.index,
    );
    if (end.outcome === 'failed' && !hasError) broken.push(`turn ${turn} failed without a session_error`);
    if (fallbacks > 0 && !errors.some(({ atMs }) => atMs <= end.atMs))
      broken.push(`turn ${turn} apologised without a session_error`);
    if (end.mode === 'reply' && end.outcome === 'completed') {
      const isHeard = events(evidence, 'speaking_started').some((event) => event.turn === turn);
      if (!isHeard && !isFrozen(evidence)) broken.push(`turn ${turn} completed and nothing was heard`);
    }
  }
  return broken;
};

/**
 * A user item belongs to a turn that answered it, apologised for it, failed aloud, or was cut by someone's will. The
 * answer to the probe is the answer to nothing else: it comes when everything before it has long been settled.
 */
const everyItemIsAnswered: Rule = (evidence) => {
  // What was still open when the call ended stays in the history without an answer.
  if (overAtMs(evidence) <= evidence.probeAtMs) return [];
  const beforeProbe = ({ atMs }: { readonly atMs: number }) => atMs < evidence.probeAtMs;
  const started = new Set(
    events(evidence, 'turn_started')
      .filter(beforeProbe)
      .map(({ turn }) => turn),
  );
  const completed = events(evidence, 'turn_completed').filter(beforeProbe);
  const cuts = events(evidence, 'interruption');
  // A text that was taken back stays said and gets no answer.
  const isWithdrawn = (said: string) =>
    evidence.typed.some(({ text, asked }) => text === said && asked?.result?.turn === null);
  const settles = ({ turn, mode, outcome }: (typeof completed)[number]): boolean => {
    if (mode === 'say') return false;
    const cut = cuts.find((event) => event.turn === turn);
    const outcomes: Partial<Record<TurnOutcome, boolean>> = { completed: true, empty: true, failed: true };
    if (outcomes[outcome] === true) return true;
    return cut === undefined || cut.cause === 'host' || cut.cause === 'closing' || cut.playedMs > 0;
  };
  return evidence.history.flatMap((item) => {
    if (item.type !== 'user' || !started.has(item.turn) || isWithdrawn(item.text)) return [];
    const isSettled = completed.some((end) => end.turn >= item.turn && settles(end));
    return isSettled ? [] : [`"${item.text}" (turn ${item.turn}) got no answer`];
  });
};

const noWordIsLost: Rule = (evidence) => {
  const { words, typed, history, clearedAtMs } = evidence;
  const said = history.flatMap((item) => (item.type === 'user' ? item.text.split(' ') : []));
  const over = overAtMs(evidence);
  const errors = events(evidence, 'session_error');
  const outages = evidence.plan.steps.flatMap(({ atMs, action }) => {
    if (action.do === 'provider' && action.of !== 'tts')
      return [
        {
          of: action.of,
          fault: action.fault,
          fromMs: atMs,
          toMs: atMs + (action.fault === 'breaks' ? 0 : action.forMs),
        },
      ];
    return [];
  });
  const isExcused = ({ fromMs, dueMs }: (typeof words)[number]) => {
    const isTold = (part: string) => errors.some((error) => error.part === part && error.atMs >= fromMs - 15_000);
    // Nobody can tell a deaf detector from a quiet user.
    return outages.some(
      ({ of, fault, fromMs: brokenMs, toMs }) =>
        brokenMs <= dueMs + 6_000 && toMs >= fromMs - 6_000 && (isTold(of) || (of === 'vad' && fault === 'isMute')),
    );
  };
  const endedAtMs = events(evidence, 'session_stopped')[0]?.atMs ?? Infinity;
  const isUnheardOut = errors.some(({ part, atMs }) => part === 'stt' && atMs === endedAtMs);
  const startsOver = evidence.plan.steps.filter(
    ({ action }) => action.do === 'crash' && ['stt', 'input', 'session'].includes(action.part),
  );
  const hasNoParts = evidence.reports.some(({ reason }) => reason === 'reached_max_restart_intensity');
  // A recogniser that crashed begins again at the tape, and a call that is closing keeps its deadline all the same: when
  // the new one needs longer than that, no part of the call ever knew the word. The same when its supervisor gives up
  // while the call is closing: nothing is left that could wait. Either way the call has to say so.
  const isCutShort = ({ fromMs, dueMs, sttDelayMs }: (typeof words)[number]) =>
    isUnheardOut &&
    ((hasNoParts && dueMs > endedAtMs) ||
      startsOver.some(({ atMs }) => atMs >= fromMs && atMs < endedAtMs && atMs + sttDelayMs > endedAtMs));
  const taken = events(evidence, 'turn_started').filter(({ mode }) => mode === 'reply');
  const finals = events(evidence, 'stt_result').filter(({ isFinal }) => isFinal);
  const silences = events(evidence, 'user_state_changed').filter(({ toState }) => toState === 'listening');
  // What no turn has taken can be cleared, however old it is: people may speak for long before a turn begins, and a turn
  // that begins meanwhile leaves what has no transcript yet.
  const isOpen = ({ word, toMs }: (typeof words)[number], untilMs: number) => {
    const knownAtMs = finals.find(({ text }) => text.split(' ').includes(word))?.atMs ?? Infinity;
    if (knownAtMs <= untilMs) return !taken.some(({ atMs }) => knownAtMs <= atMs && atMs <= untilMs);
    const silentAtMs = silences.find(({ atMs }) => atMs >= toMs)?.atMs ?? Infinity;
    return untilMs <= silentAtMs + 6_000;
  };
  const broken: string[] = [];
  // What a session that gave up had not written down yet is gone with it; it says so.
  const savedUntilMs = gaveUp(evidence) ? over - 1_000 : over;
  for (const word of words) {
    const count = said.filter((text) => text === word.word).length;
    if (count > 1) broken.push(`${word.word} is in the history ${count} times`);
    const isCleared = clearedAtMs.some(
      (atMs) => word.fromMs <= atMs && (atMs <= word.dueMs + 6_000 || isOpen(word, atMs)),
    );
    // Audio comes in frames of 100 ms; what had not arrived was not said.
    const hasArrived =
      Math.ceil(word.toMs / 100) * 100 + 100 <= over && (word.dueMs <= savedUntilMs || !gaveUp(evidence));
    if (count === 0 && hasArrived && !isCleared && !isExcused(word) && !isCutShort(word))
      broken.push(`${word.word} was said at ${word.fromMs} and is lost`);
  }
  for (const { text, atMs } of typed) {
    const count = said.filter((word) => word === text).length;
    if (count !== 1 && !(count === 0 && atMs >= over))
      broken.push(`${text} was typed and is in the history ${count} times`);
  }
  return broken;
};

const historyIsInOrder: Rule = ({ history }) => {
  const broken: string[] = [];
  const numbers = (prefix: string) =>
    history
      .flatMap((item) => (item.type === 'user' ? item.text.split(' ') : []))
      .filter((word) => word.startsWith(prefix))
      .map((word) => Number(word.slice(1)));
  for (const prefix of ['w', 't']) {
    const order = numbers(prefix);
    if (order.some((n, i) => i > 0 && n <= (order[i - 1] ?? 0)))
      broken.push(`${prefix}: said in another order: ${order.join()}`);
  }
  const open = new Set<string>();
  const known = new Set<string>();
  for (const item of history) {
    if (item.type === 'toolCall') {
      if (known.has(item.callId)) broken.push(`call ${item.callId} twice`);
      known.add(item.callId);
      open.add(item.callId);
    }
    if (item.type === 'toolOutput' && !open.delete(item.callId))
      broken.push(`output of ${item.callId} without an open call`);
  }
  for (const callId of open) broken.push(`call ${callId} has no output`);
  return broken;
};

const nothingIsSaidTwice: Rule = (evidence) => {
  const broken: string[] = [];
  for (const { text } of evidence.given) {
    const heardMs = spokenBy(evidence, text).reduce((sum, { durationMs }) => sum + durationMs, 0);
    if (heardMs > evidence.durationOf(text) + TOLERANCE_MS) broken.push(`"${text}" was heard for ${heardMs} ms`);
  }
  const told = evidence.history.flatMap((item) => (item.type === 'assistant' ? item.text.split(' ') : []));
  const words = told.filter((word) => word.startsWith('a'));
  if (new Set(words).size !== words.length) broken.push('the history holds an answer twice');
  return broken;
};

/** Text of a turn is heard between its start and its end, cut or retry, and never after. */
const nothingPlaysAfterItsCut: Rule = (evidence) => {
  const broken: string[] = [];
  const started = events(evidence, 'turn_started');
  const ends = [...events(evidence, 'turn_completed'), ...events(evidence, 'interruption')];
  for (const { text, turn, attempt } of evidence.given) {
    if (turn === null) continue;
    const from = started.find((event) => event.turn === turn && event.attempt === attempt)?.atMs ?? 0;
    const next = started.find((event) => event.turn === turn && (event.attempt > attempt || event.mode === 'fallback'));
    const cutAtMs = Math.min(
      next?.atMs ?? Infinity,
      ...ends.filter((event) => event.turn === turn).map(({ atMs }) => atMs),
    );
    for (const { atMs, durationMs } of spokenBy(evidence, text))
      if (atMs < from || atMs + durationMs > cutAtMs + TOLERANCE_MS)
        broken.push(`"${text}" of turn ${turn} played ${atMs}..${atMs + durationMs}, its turn ended at ${cutAtMs}`);
  }
  return broken;
};

const historyIsWhatWasHeard: Rule = (evidence) => {
  if (isFrozen(evidence)) return [];
  const broken: string[] = [];
  for (const item of evidence.history) {
    if (item.type !== 'assistant' || item.text === FALLBACK || item.text.startsWith('sorry')) continue;
    const [first = ''] = item.text.split(' ');
    const source = evidence.given.find(({ text }) => text.split(' ').includes(first));
    const heardMs =
      source === undefined ? 0 : spokenBy(evidence, source.text).reduce((sum, each) => sum + each.durationMs, 0);
    const wordsMs = evidence.durationOf(item.text);
    if (item.text === '') broken.push('an empty answer is in the history');
    else if (heardMs + WORD_MS < wordsMs)
      broken.push(`"${item.text}" is in the history and ${heardMs} ms of it were heard`);
    else if (!item.interrupted && source !== undefined && heardMs + TOLERANCE_MS < evidence.durationOf(source.text))
      broken.push(`"${item.text}" counts as whole and ${heardMs} ms of it were heard`);
  }
  return broken;
};

const everyCallIsToldOnce: Rule = (evidence) => {
  const ends = [...events(evidence, 'tool_completed'), ...events(evidence, 'tool_error')].map(({ callId }) => callId);
  const begun = events(evidence, 'tool_called').map(({ callId }) => callId);
  return begun.join() === begun.filter((callId) => ends.filter((each) => each === callId).length === 1).join() &&
    ends.length === begun.length
    ? []
    : [`calls ${begun.join()} ended as ${ends.join()}`];
};

const everyHandleSettles: Rule = ({ handles }) =>
  handles.filter(({ handle }) => !handle.isDone).map(({ atMs }) => `the handle of ${atMs} ms never settled`);

/** Neither voice nor text cuts what the host wants to be heard; its apology, should it fail, may be cut. */
const protectedSpeechIsNotCut: Rule = (evidence) =>
  evidence.handles.flatMap(({ isProtected, result, atMs }) => {
    const cut = events(evidence, 'interruption').find(({ turn }) => turn === result?.turn);
    const end = events(evidence, 'turn_completed').find(({ turn }) => turn === result?.turn);
    const isCut = isProtected && end?.mode === 'say' && (cut?.cause === 'voice' || cut?.cause === 'text');
    return isCut ? [`what was to be said since ${atMs} was cut by ${cut.cause}`] : [];
  });

const onlyInjectedProblems: Rule = (evidence) => {
  const { plan, problems } = evidence;
  const expected = [
    plan.listenerThrows && 'listener state_changed',
    plan.inspectorThrows && 'inspect',
    isFaulty(plan) && 'voice of the apology',
  ];
  const broken = problems
    .filter(({ where }) => !expected.includes(where))
    .map(({ where, error }) => `problem in ${where}: ${error}`);
  if (!isFaulty(plan))
    for (const { code, part, message } of events(evidence, 'session_error')) broken.push(`${part}: ${code} ${message}`);
  return broken;
};

const nothingIsLeft: Rule = ({ leftTimers, leftNames, leftActors, uncaught }) => [
  ...(leftTimers === 0 ? [] : [`${leftTimers} timers left`]),
  ...(leftNames === 0 ? [] : [`${leftNames} names left`]),
  ...(leftActors === 0 ? [] : [`${leftActors} actors left`]),
  ...uncaught.map((error) => `uncaught: ${error instanceof Error ? error.stack : String(error)}`),
];

const RULES: Readonly<Record<string, Rule>> = {
  neverStuck,
  endsOnlyWhenAsked,
  startsAndStopsOnce,
  closesInTime,
  everyTurnEndsOnce,
  everyItemIsAnswered,
  noWordIsLost,
  historyIsInOrder,
  nothingIsSaidTwice,
  nothingPlaysAfterItsCut,
  historyIsWhatWasHeard,
  everyCallIsToldOnce,
  everyHandleSettles,
  protectedSpeechIsNotCut,
  onlyInjectedProblems,
  nothingIsLeft,
};

/** Every broken rule with what broke it; empty when all hold. */
export function brokenRules(evidence: Evidence): readonly string[] {
  return Object.entries(RULES).flatMap(([name, rule]) => rule(evidence).map((what) => `${name}: ${what}`));
}
