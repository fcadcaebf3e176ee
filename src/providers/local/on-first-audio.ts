// Ears that load when there is something to hear: a session that only types never fetches or loads a speech model.
import type { Stt, SttStream } from '../stt.ts';
import type { Vad, VadStream } from '../vad.ts';

/**
 * Opens the detector at the first frame. `onFirstFrame` is told then, once for each stream: the recogniser takes a second
 * or more to load, so it should begin before the first words are over.
 */
export function vadOnFirstAudio(vad: Vad, onFirstFrame: () => void): Vad {
  return {
    label: vad.label,
    open: (options) => {
      let stream: VadStream | undefined;
      let isClosed = false;
      return {
        get pendingSamples() {
          return stream?.pendingSamples ?? 0;
        },
        write: (frame) => {
          if (isClosed || options.signal.aborted) return;
          if (stream === undefined) {
            onFirstFrame();
            stream = vad.open(options);
          }
          stream.write(frame);
        },
        close: () => {
          isClosed = true;
          stream?.close();
        },
      };
    },
  };
}

/** Opens the recogniser at the first utterance. */
export function sttOnFirstAudio(stt: Stt): Stt {
  return {
    label: stt.label,
    capabilities: stt.capabilities,
    open: (options) => {
      let stream: SttStream | undefined;
      let isClosed = false;
      return {
        begin: (utterance) => {
          if (isClosed || options.signal.aborted) return;
          stream ??= stt.open(options);
          stream.begin(utterance);
        },
        write: (frame) => stream?.write(frame),
        end: (utterance) => stream?.end(utterance),
        discard: (utterance) => stream?.discard(utterance),
        close: () => {
          isClosed = true;
          stream?.close();
        },
      };
    },
  };
}
