// Which providers a session uses: its agent's, else the runtime's, else the embedded ones.
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { Llm } from '../providers/llm.ts';
import type { Stt } from '../providers/stt.ts';
import type { Tts } from '../providers/tts.ts';
import type { TurnDetector } from '../providers/turn-detector.ts';
import type { Vad } from '../providers/vad.ts';
import type { Agent } from './agent.ts';
import type { SupervisedEngines } from './engines.ts';
import type { SessionOptions } from './session-options.ts';
import type { SessionProviders } from './session-scope.ts';

export interface ProviderChoice {
  readonly vad?: Vad;
  readonly stt?: Stt;
  readonly tts?: Tts;
  readonly llm?: Llm;
  /** `null` turns it off: every silence of `endpointing.minDelayMs` ends the turn. */
  readonly turnDetector?: TurnDetector | null;
  /** Engines behind the providers; the runtime starts them at once, supervises them, and stops them when it is closed. */
  readonly engines?: readonly SupervisedEngines[];
}

/** Providers that come with the package, and the engines behind them. */
export type EmbeddedProviders = Required<ProviderChoice>;

export interface ProviderDefaults {
  readonly choice: ProviderChoice;
  /** Loaded at first need, shared by all sessions of a runtime. */
  embedded: Promise<EmbeddedProviders> | null;
  /** The embedded model alone: all that a session in text only needs. */
  embeddedLlm: Promise<Llm> | null;
  /** Puts the engines under supervision. */
  readonly supervise: (engines: readonly SupervisedEngines[]) => void;
}

/** @throws AgentError `ERR_REAL_IO` under a virtual clock */
export async function resolveProviders(
  agent: Agent,
  defaults: ProviderDefaults,
  clock: Clock,
  { input, output }: SessionOptions['audio'],
): Promise<SessionProviders> {
  const chosen: ProviderChoice = { ...defaults.choice, ...agent.providers };
  const { llm } = chosen;
  // Undefined is missing, null is not needed.
  const [vad, stt] = input ? [chosen.vad, chosen.stt] : [null, null];
  const tts = output ? chosen.tts : null;
  if (vad !== undefined && stt !== undefined && tts !== undefined && llm !== undefined)
    return { vad, stt, tts, llm: defaults.choice.llm ?? llm, turnDetector: chosen.turnDetector ?? undefined };
  if (clock.isVirtual) {
    const missing = Object.entries({ vad, stt, tts, llm }).find(([, value]) => value === undefined);
    throw new AgentError('ERR_REAL_IO', 'the embedded engines run in real time', {
      field: `providers.${missing?.[0] ?? 'stt'}`,
      rule: 'must be given under a virtual clock',
      fix: 'Use the scripted providers of livekitex-agent/testing',
    });
  }
  if (vad === null && tts === null) {
    defaults.embeddedLlm ??= import('../providers/local/intent-llm.ts').then(({ intentLlm }) => intentLlm());
    return { vad, stt, tts, llm: await defaults.embeddedLlm, turnDetector: undefined };
  }
  // Imported here, so that a process with providers of its own never loads the engines.
  defaults.embedded ??= loadEmbedded(defaults);
  try {
    const embedded = await defaults.embedded;
    const turnDetector = chosen.turnDetector === undefined ? embedded.turnDetector : chosen.turnDetector;
    return {
      vad: vad === null ? null : (vad ?? embedded.vad),
      stt: stt === null ? null : (stt ?? embedded.stt),
      tts: tts === null ? null : (tts ?? embedded.tts),
      llm: defaults.choice.llm ?? embedded.llm,
      turnDetector: turnDetector ?? undefined,
    };
  } catch (error) {
    defaults.embedded = null; // a later session may have more luck
    throw error;
  }
}

/**
 * A session keeps the voice, the ears and the turn detector that it was started with; only the model changes with the agent.
 * @throws AgentError `ERR_OPTION` for an agent that brings other ones to a session that uses some
 */
export function checkHandover(agent: Agent, inUse: SessionProviders): void {
  const { vad, stt, tts, turnDetector } = agent.providers;
  for (const [name, own] of Object.entries({ vad, stt, tts, turnDetector: turnDetector ?? undefined })) {
    const used = inUse[name as 'vad' | 'stt' | 'tts' | 'turnDetector']; // the names above
    if (own === undefined || used === null || own === used) continue;
    throw new AgentError('ERR_OPTION', `the session cannot change its ${name}`, {
      field: `agent.${name}`,
      rule: 'must be the one that the session was started with, or left out',
      fix: 'Leave it out, or start a new session for this agent',
    });
  }
}

async function loadEmbedded({ supervise }: ProviderDefaults): Promise<EmbeddedProviders> {
  const { embeddedOnFirstAudio } = await import('../providers/local/embedded.ts');
  const embedded = embeddedOnFirstAudio();
  supervise(embedded.engines);
  return embedded;
}
