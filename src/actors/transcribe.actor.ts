// Feeds utterances to a recogniser, open ones again from their start, and hands its text on.
import type { InputLink } from '../audio/input-link.ts';
import type { Clock } from '../clock.ts';
import type { PipelineEvent } from '../events.ts';
import type { Stt, SttResult } from '../providers/stt.ts';
import type { StreamIo } from './stream.ts';

export interface TranscribeDeps {
  readonly stt: Stt;
  readonly language: string | undefined;
  readonly link: InputLink;
  readonly clock: Clock;
  /** Writes the text to the ledger, then tells the session. */
  onResult(result: SttResult): void;
  /** Ended utterances without a final. */
  outstanding(): number;
}

export function transcribe(deps: TranscribeDeps, io: StreamIo<PipelineEvent>): () => void {
  let isCurrent = () => true;
  const stream = deps.stt.open({
    language: deps.language,
    clock: io.guardClock(deps.clock),
    signal: io.signal,
    report: io.guard((result) => {
      if (!isCurrent()) return;
      deps.onResult(result);
      io.report({ type: deps.outstanding() > 0 ? 'pipeline.progressed' : 'pipeline.rested' });
    }),
    fail: io.fail,
  });
  io.report({ type: 'pipeline.opened' });
  const port = deps.link.attachStt({
    begin: io.guard((utterance) => stream.begin(utterance)),
    write: io.guard((frame) => stream.write(frame)),
    end: io.guard((utterance) => {
      io.report({ type: 'pipeline.busied' });
      stream.end(utterance);
    }),
    discard: io.guard((utterance) => stream.discard(utterance)),
  });
  isCurrent = port.isCurrent;
  return () => stream.close();
}
