// The apology, synthesised when the first session starts: it must not depend on a voice that may be what failed.
import type { AudioFrame } from '../audio/frame.ts';
import { guardedClock } from '../clock.ts';
import { AgentError, toAgentError } from '../errors.ts';
import { reportProblem } from '../observer.ts';
import type { Tts, TtsStream } from '../providers/tts.ts';
import type { SessionScope } from './session-scope.ts';

const DEADLINE_MS = 20_000;

/** Audio by voice and text; sessions share it. */
const cache = new WeakMap<Tts, Map<string, Promise<readonly AudioFrame[] | undefined>>>();

/** Fills `scope.fallbackFrames`; on failure, which is told, it stays undefined and the apology is synthesised when needed. */
export async function fallbackAudio(scope: SessionScope): Promise<void> {
  const { tts } = scope.providers;
  if (tts === null) return;
  const text = scope.options.fallbackMessage;
  const byText = cache.get(tts) ?? new Map<string, Promise<readonly AudioFrame[] | undefined>>();
  cache.set(tts, byText);
  const key = `${scope.options.voice ?? ''}\n${text}`;
  let made = byText.get(key);
  if (made === undefined) {
    made = synthesizeAll(tts, scope, text).catch((error: unknown) => {
      byText.delete(key);
      // Engines that were stopped: the runtime is closing, and nobody waits for an apology.
      if (!(error instanceof AgentError && error.code === 'ERR_CLOSED'))
        reportProblem(scope.onProblem, { where: 'voice of the apology', error });
      return undefined;
    });
    byText.set(key, made);
  }
  scope.fallbackFrames = await made;
}

function synthesizeAll(tts: Tts, { options, clock }: SessionScope, text: string): Promise<readonly AudioFrame[]> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const frames: AudioFrame[] = [];
    let stream: TtsStream | undefined;
    const end = (settle: () => void) => {
      clock.clearTimeout(timer);
      controller.abort();
      try {
        stream?.close();
      } catch {
        // A voice that fails to close has already given what it had.
      }
      settle();
    };
    const fail = (error: unknown) => end(() => reject(toAgentError(error, 'ERR_PROVIDER', 'the voice failed')));
    // Nobody stands above this voice: what it throws in a timer of its own must end here.
    const guard = (fn: () => void) => () => {
      if (controller.signal.aborted) return;
      try {
        fn();
      } catch (error) {
        fail(error);
      }
    };
    const timer = clock.setTimeout(
      () => fail(new AgentError('ERR_TIMEOUT', `the voice was not done within ${DEADLINE_MS} ms`)),
      DEADLINE_MS,
    );
    try {
      stream = tts.open({
        voice: options.voice,
        clock: guardedClock(clock, guard),
        signal: controller.signal,
        report: (result) => {
          if (result.type === 'audio') frames.push(result.frame);
          else if (result.type === 'done') end(() => resolve(frames));
        },
        fail,
        ready: () => Promise.resolve(),
      });
      stream.write(text);
      stream.flush();
    } catch (error) {
      fail(error);
    }
  });
}
