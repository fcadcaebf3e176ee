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
  // Told on a change only: a recogniser that answers inside `end`, or in the middle of an utterance, was never busy.
  let isBusy = false;
  // Its first answer says that a recogniser that is opened anew is well, also where it was never busy.
  let hasAnswered = false;
  const tellWork = () => {
    const wasBusy = isBusy;
    isBusy = deps.outstanding() > 0;
    if (isBusy) io.report({ type: wasBusy ? 'pipeline.progressed' : 'pipeline.busied' });
    else if (wasBusy) io.report({ type: 'pipeline.rested' });
  };
  const stream = deps.stt.open({
    language: deps.language,
    clock: io.guardClock(deps.clock),
    signal: io.signal,
    report: io.guard((result) => {
      if (!isCurrent()) return;
      deps.onResult(result);
      const isFirstAnswer = !hasAnswered && result.type === 'final';
      hasAnswered ||= isFirstAnswer;
      if (isBusy) tellWork();
      else if (isFirstAnswer) io.report({ type: 'pipeline.rested' });
    }),
    fail: io.fail,
  });
  io.report({ type: 'pipeline.opened' });
  const port = deps.link.attachStt({
    begin: io.guard((utterance) => stream.begin(utterance)),
    write: io.guard((frame) => stream.write(frame)),
    end: io.guard((utterance) => {
      stream.end(utterance);
      if (!isBusy) tellWork();
    }),
    discard: io.guard((utterance) => {
      stream.discard(utterance);
      if (!isBusy || deps.outstanding() > 0) return;
      isBusy = false;
      io.report({ type: 'pipeline.released' });
    }),
  });
  isCurrent = port.isCurrent;
  return () => stream.close();
}
