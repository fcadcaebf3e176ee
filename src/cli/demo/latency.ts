// The latency of the answers: mean of each stage, and how a split is written.
import type { AnswerLatency, MeanLatency } from './demo-event.ts';

const STAGES = ['endpointingMs', 'transcriptionMs', 'firstTokenMs', 'firstAudioMs', 'toolsMs', 'totalMs'] as const;

/** Each stage over the turns that had it. */
export function meanLatency(latencies: readonly AnswerLatency[]): MeanLatency {
  const mean = (stage: (typeof STAGES)[number]) => {
    const known = latencies.map((each) => each[stage]).filter((ms) => ms !== null);
    return known.length === 0 ? null : known.reduce((sum, ms) => sum + ms, 0) / known.length;
  };
  return {
    endpointingMs: mean('endpointingMs'),
    transcriptionMs: mean('transcriptionMs'),
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

/**
 * What the total is the sum of, in order of time. Transcription is missing on purpose: it runs while the silence after
 * the voice is waited for.
 */
export function stagesOf({ endpointingMs, firstTokenMs, firstAudioMs, toolsMs }: AnswerLatency): readonly Stage[] {
  const tools = Math.min(toolsMs ?? 0, firstAudioMs ?? 0);
  const stages = [
    { label: 'endpointing', ms: endpointingMs },
    { label: 'model', ms: firstTokenMs },
    { label: 'tools', ms: toolsMs === null ? null : tools },
    { label: 'voice', ms: firstAudioMs === null ? null : firstAudioMs - tools },
  ];
  return stages.flatMap(({ label, ms }) => (ms === null ? [] : [{ label, ms }]));
}

/** `640 ms = endpointing 512 + model 6 + voice 122 (transcript after 240)`. */
export function describeLatency(latency: AnswerLatency): string {
  if (latency.totalMs === null) return 'nothing was heard';
  const parts = stagesOf(latency).map(({ label, ms }) => `${label} ${Math.round(ms)}`);
  const transcript =
    latency.transcriptionMs === null ? '' : ` (transcript after ${Math.round(latency.transcriptionMs)})`;
  return `${Math.round(latency.totalMs)} ms = ${parts.join(' + ')}${transcript}`;
}

/** A bar of `width` cells in the proportions of the stages; a stage that took any time has at least a cell. */
export function latencyBar(latency: AnswerLatency, width: number): string {
  const stages = stagesOf(latency);
  const total = stages.reduce((sum, { ms }) => sum + ms, 0);
  if (total <= 0) return '';
  const cells = ['█', '▓', '▒', '░'];
  return stages
    .map(({ label, ms }, i) => {
      const cell = cells[['endpointing', 'model', 'tools', 'voice'].indexOf(label)] ?? cells[i] ?? '█';
      return ms < 1 ? '' : cell.repeat(Math.max(1, Math.round((ms / total) * width)));
    })
    .join('');
}
