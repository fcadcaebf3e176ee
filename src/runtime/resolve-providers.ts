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
  /** Puts the engines under supervision. */
  readonly supervise: (engines: readonly SupervisedEngines[]) => void;
}

/** @throws AgentError `ERR_REAL_IO` under a virtual clock */
export async function resolveProviders(
  agent: Agent,
  defaults: ProviderDefaults,
  clock: Clock,
): Promise<SessionProviders> {
  const chosen: ProviderChoice = { ...defaults.choice, ...agent.providers };
  const { vad, stt, tts, llm } = chosen;
  if (vad !== undefined && stt !== undefined && tts !== undefined && llm !== undefined)
    return { vad, stt, tts, llm, turnDetector: chosen.turnDetector ?? undefined };
  if (clock.isVirtual) {
    const missing = Object.entries({ vad, stt, tts, llm }).find(([, value]) => value === undefined);
    throw new AgentError('ERR_REAL_IO', 'the embedded engines run in real time', {
      field: `providers.${missing?.[0] ?? 'stt'}`,
      rule: 'must be given under a virtual clock',
      fix: 'Use the scripted providers of livekitex-agent/testing',
    });
  }
  // Imported here, so that a process with providers of its own never loads the engines.
  defaults.embedded ??= loadEmbedded(defaults);
  try {
    const embedded = await defaults.embedded;
    const turnDetector = chosen.turnDetector === undefined ? embedded.turnDetector : chosen.turnDetector;
    return { ...embedded, ...chosen, turnDetector: turnDetector ?? undefined };
  } catch (error) {
    defaults.embedded = null; // a later session may have more luck
    throw error;
  }
}

async function loadEmbedded({ supervise }: ProviderDefaults): Promise<EmbeddedProviders> {
  const { embeddedOnFirstAudio } = await import('../providers/local/embedded.ts');
  const embedded = embeddedOnFirstAudio();
  supervise(embedded.engines);
  return embedded;
}
