// The apology, synthesised when the first session starts: it must not depend on a voice that may be what failed.
import type { AudioFrame } from '../audio/frame.ts';
import { guardedClock } from '../clock.ts';
import type { Tts, TtsStream } from '../providers/tts.ts';
import type { SessionScope } from './session-scope.ts';

const DEADLINE_MS = 20_000;

/** Audio by voice and text; sessions share it. */
const cache = new WeakMap<Tts, Map<string, Promise<readonly AudioFrame[] | undefined>>>();

/** Fills `scope.fallbackFrames`; on failure it stays undefined and the apology is synthesised when needed. */
export async function fallbackAudio(scope: SessionScope): Promise<void> {
  const { tts } = scope.providers;
  if (tts === null) return;
  const text = scope.options.fallbackMessage;
  const byText = cache.get(tts) ?? new Map<string, Promise<readonly AudioFrame[] | undefined>>();
  cache.set(tts, byText);
  const key = `${scope.options.voice ?? ''}\n${text}`;
  let made = byText.get(key);
  if (made === undefined) {
    made = synthesizeAll(tts, scope, text);
    byText.set(key, made);
  }
  const frames = await made;
  if (frames === undefined) byText.delete(key);
  scope.fallbackFrames = frames;
}

function synthesizeAll(
  tts: Tts,
  { options, clock }: SessionScope,
  text: string,
): Promise<readonly AudioFrame[] | undefined> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const frames: AudioFrame[] = [];
    let stream: TtsStream | undefined;
    const end = (result: readonly AudioFrame[] | undefined) => {
      clock.clearTimeout(timer);
      controller.abort();
      try {
        stream?.close();
      } catch {
        // A voice that fails to close has already given what it had.
      }
      resolve(result);
    };
    // Nobody stands above this voice: what it throws in a timer of its own must end here.
    const guard = (fn: () => void) => () => {
      if (controller.signal.aborted) return;
      try {
        fn();
      } catch {
        end(undefined);
      }
    };
    const timer = clock.setTimeout(() => end(undefined), DEADLINE_MS);
    try {
      stream = tts.open({
        voice: options.voice,
        clock: guardedClock(clock, guard),
        signal: controller.signal,
        report: (result) => {
          if (result.type === 'audio') frames.push(result.frame);
          else if (result.type === 'done') end(frames);
        },
        fail: () => end(undefined),
        ready: () => Promise.resolve(),
      });
      stream.write(text);
      stream.flush();
    } catch {
      end(undefined);
    }
  });
}
