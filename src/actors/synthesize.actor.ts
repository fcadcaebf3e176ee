// Gives the text that waits in the output link to a voice, one stream per segment, and its audio back to the link.
import type { AudioWriter, TextReader } from '../audio/output-link.ts';
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { PipelineEvent } from '../events.ts';
import type { Tts, TtsResult, TtsStream } from '../providers/tts.ts';
import type { StreamIo } from './stream.ts';

export interface SynthesizeDeps {
  readonly tts: Tts;
  readonly voice: string | undefined;
  readonly clock: Clock;
  /** OutputLink.attachVoice. */
  attach(reader: TextReader): AudioWriter;
}

/** One reason for all: an abort without a reason makes an exception with a stack, 20 us before each reply. */
const SEGMENT_OVER = new AgentError('ERR_CLOSED', 'the segment is over');

export function synthesize(deps: SynthesizeDeps, io: StreamIo<PipelineEvent>): () => void {
  const clock = io.guardClock(deps.clock);
  let stream: TtsStream | null = null;
  // Made for each segment: sessions that never spoke need none.
  let controller: AbortController | null = null;
  let writer: AudioWriter | null = null;
  // It is the voice's turn when it has the whole text and nothing of what it said waits to be played.
  let isWhole = false;
  let waits = 0;
  let isBusy = false;

  const close = () => {
    controller?.abort(SEGMENT_OVER);
    const closing = stream;
    stream = null;
    closing?.close();
  };

  /** Told on change only, not for each token or clause. */
  const tellWork = () => {
    const hasWork = isWhole && waits === 0;
    if (hasWork === isBusy) return;
    isBusy = hasWork;
    io.report({ type: hasWork ? 'pipeline.busied' : 'pipeline.rested' });
  };

  const rest = () => {
    isWhole = false;
    tellWork();
  };

  const report = (segment: number, result: TtsResult) => {
    switch (result.type) {
      case 'audio':
        writer?.audio(segment, result.frame);
        io.report({ type: 'pipeline.progressed' });
        return;
      case 'mark':
        writer?.mark(segment, result.chars);
        return;
      case 'done':
        // Before: the next segment may begin, whole, while the writer hears of this one's end.
        rest();
        writer?.done(segment);
        return;
    }
  };

  const begin = (segment: number) => {
    close();
    rest();
    waits = 0;
    controller = new AbortController();
    const { signal } = controller;
    stream = deps.tts.open({
      voice: deps.voice,
      clock,
      signal,
      report: io.guard((result) => {
        if (!signal.aborted) report(segment, result);
      }),
      fail: (error) => {
        if (!signal.aborted) io.fail(error);
      },
      ready: async () => {
        const wait = writer?.ready(segment);
        if (wait == null || signal.aborted) return;
        waits++;
        tellWork();
        await wait;
        if (signal.aborted) return;
        waits--;
        tellWork();
      },
    });
  };

  // A segment that waits is given inside attach, before the writer is known; it is begun right after.
  let waiting: (() => void)[] | null = [];
  const orLater = <A extends readonly unknown[]>(fn: (...args: A) => void) =>
    io.guard((...args: A) => {
      if (waiting === null) fn(...args);
      else waiting.push(() => fn(...args));
    });
  writer = deps.attach({
    begin: orLater(begin),
    write: orLater((text) => stream?.write(text)),
    end: orLater(() => {
      isWhole = true;
      tellWork();
      stream?.flush();
    }),
    cancel: orLater(() => {
      close();
      rest();
    }),
  });
  io.report({ type: 'pipeline.opened' });
  const queued = waiting;
  waiting = null;
  for (const run of queued) io.guard(run)();
  return close;
}
