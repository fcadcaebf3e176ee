// A loudspeaker as the output link wants it: paced, and trustworthy about its position.
import type { PlayoutDevice } from '../audio/output-link.ts';
import { Pacer } from '../audio/pacer.ts';
import type { Clock } from '../clock.ts';
import type { AudioSink } from '../transports/transport.ts';

export function playoutDevice(sink: AudioSink, clock: Clock, onError: (error: unknown) => void): PlayoutDevice {
  return sink.pacesItself ? trusted(sink, onError) : new Pacer({ sink, clock, onError });
}

/** A loudspeaker whose position and flush never throw: silence and the count of what was heard must not depend on it. */
function trusted(sink: AudioSink, onError: (error: unknown) => void): PlayoutDevice {
  let played = 0;
  const attempt = (run: () => void) => {
    try {
      run();
    } catch (error) {
      onError(error);
    }
  };
  return {
    sampleRateHz: sink.sampleRateHz,
    // A throw here reaches the playout pipeline, which writes the frame again.
    write: (frame) => sink.write(frame),
    playedSamples: () => {
      attempt(() => {
        played = sink.playedSamples();
      });
      return played;
    },
    flush: () => attempt(() => sink.flush()),
    end: () => attempt(() => sink.end?.()),
    get isSuspended() {
      let isSuspended = false;
      attempt(() => {
        isSuspended = sink.isSuspended === true;
      });
      return isSuspended;
    },
  };
}
