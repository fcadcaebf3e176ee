// The latency of the answers: mean of each stage, and how a split is written.
import type { TurnLatency } from '../../index.ts';
import type { AnswerLatency, MeanLatency } from './demo-event.ts';

const STAGES = [
  'endpointingMs',
  'transcriptionMs',
  'transcriptWaitMs',
  'firstTokenMs',
  'firstAudioMs',
  'toolsMs',
  'totalMs',
] as const;

/** Each stage over the turns that had it. */
export function meanLatency(latencies: readonly AnswerLatency[]): MeanLatency {
  const mean = (stage: (typeof STAGES)[number]) => {
    const known = latencies.map((each) => each[stage]).filter((ms) => ms !== null);
    return known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0) / known.length;
  };
  return {
    endpointingMs: mean('endpointingMs'),
    transcriptionMs: mean('transcriptionMs'),
    transcriptWaitMs: mean('transcriptWaitMs'),
    firstTokenMs: mean('firstTokenMs'),
    firstAudioMs: mean('firstAudioMs'),
    toolsMs: mean('toolsMs'),
    totalMs: mean('totalMs'),
  };
}

export interface Stage {
  readonly label: string;
  readonly ms: number;
}

/** What the total is the sum of, in order of time. */
export function stagesOf(latency: AnswerLatency): readonly Stage[] {
  const { endpointingMs, transcriptWaitMs, firstTokenMs, firstAudioMs, toolsMs } = latency;
  const waited = Math.min(transcriptWaitMs ?? 0, endpointingMs ?? 0);
  const tools = Math.min(toolsMs ?? 0, firstAudioMs ?? 0);
  const stages = [
    { label: 'endpointing', ms: endpointingMs === null ? null : endpointingMs - waited },
    { label: 'transcription', ms: transcriptWaitMs === null ? null : waited },
    { label: 'model', ms: firstTokenMs },
    { label: 'tools', ms: toolsMs === null ? null : tools },
    { label: 'voice', ms: firstAudioMs === null ? null : firstAudioMs - tools },
  ];
  return stages.flatMap(({ label, ms }) => (ms === null ? [] : [{ label, ms }]));
}

/** A transcript that came this long before the answer was begun was not what it waited for. */
const AT_ONCE_MS = 25;

/**
 * How long only the transcript was waited for.
 * @param endedAfterMs last voice -> the detector was sure of the end of speech
 */
export function transcriptWait({ endpointingMs, transcriptionMs }: TurnLatency, endedAfterMs: number): number | null {
  if (endpointingMs === null || transcriptionMs === null) return null;
  const wasLast = endpointingMs - transcriptionMs < AT_ONCE_MS;
  return wasLast ? Math.max(0, endpointingMs - Math.max(0, endedAfterMs)) : 0;
}

/** `640 ms = endpointing 512 + transcription 30 + model 6 + voice 92`. */
export function describeLatency(latency: AnswerLatency): string {
  if (latency.totalMs === null) return 'nothing was heard';
  const parts = stagesOf(latency).map(({ label, ms }) => `${label} ${Math.round(ms)}`);
  return `${Math.round(latency.totalMs)} ms = ${parts.join(' + ')}`;
}

/** A bar of `width` cells in the proportions of the stages; a stage that took any time has at least a cell. */
export function latencyBar(latency: AnswerLatency, width: number): string {
  const stages = stagesOf(latency);
  const total = stages.reduce((sum, { ms }) => sum + ms, 0);
  if (total <= 0) return '';
  return stages
    .map(({ label, ms }) => (ms < 1 ? '' : (CELLS[label] ?? '█').repeat(Math.max(1, Math.round((ms / total) * width)))))
    .join('');
}

const CELLS: Readonly<Record<string, string>> = {
  endpointing: '█',
  transcription: '▓',
  model: '▒',
  tools: '░',
  voice: '▄',
};
