// Makes JPEG images of video frames in a thread that all rooms of the process share; it ends with the last of them.
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../../clock.ts';
import { AgentError, toAgentError } from '../../../errors.ts';
import type { YuvFrame } from './yuv.ts';

export interface EncodeRequest {
  readonly id: number;
  readonly frame: YuvFrame;
  readonly longestSidePx: number;
  readonly quality: number;
}

export interface EncodedImage {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

export type EncodeAnswer =
  | ({ readonly id: number } & EncodedImage)
  | { readonly id: number; readonly error: string; readonly isMissing: boolean };

export interface ImageEncoder {
  /**
   * The frame's memory goes over to the encoder.
   * @throws AgentError `ERR_VIDEO`
   */
  encode(frame: YuvFrame, options: Pick<EncodeRequest, 'longestSidePx' | 'quality'>): Promise<EncodedImage>;
  /** Idempotent. */
  close(): void;
}

/** Tens of milliseconds as a rule, a second for the first one; after this the thread is replaced. */
const ENCODE_TIMEOUT_MS = 10_000;

interface Job {
  readonly resolve: (image: EncodedImage) => void;
  readonly reject: (error: AgentError) => void;
  readonly timer: unknown;
  readonly clock: Clock;
}

let users = 0;
let worker: Worker | null = null;
let count = 0;
const jobs = new Map<number, Job>();

/** One for each camera that is watched; the thread starts with the first frame. */
export function openImageEncoder(clock: Clock): ImageEncoder {
  users++;
  let isOpen = true;
  return {
    encode: (frame, options) => encode(clock, frame, options),
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      users--;
      if (users === 0) stop('the encoder was closed');
    },
  };
}

function encode(
  clock: Clock,
  frame: YuvFrame,
  { longestSidePx, quality }: Pick<EncodeRequest, 'longestSidePx' | 'quality'>,
): Promise<EncodedImage> {
  return new Promise((resolve, reject) => {
    const id = ++count;
    const timer = clock.setTimeout(() => stop('an image was not ready in time'), ENCODE_TIMEOUT_MS);
    jobs.set(id, { resolve, reject, timer, clock });
    const request: EncodeRequest = { id, frame, longestSidePx, quality };
    try {
      worker ??= start();
      worker.postMessage(request, [frame.data.buffer as ArrayBuffer]); // frames are copied into memory of their own
    } catch (error) {
      settle(id)?.reject(toAgentError(error, 'ERR_VIDEO', 'a frame could not be handed over'));
    }
  });
}

function start(): Worker {
  // No inherited flags: loaders and inspectors of the host have no business here.
  const thread = new Worker(new URL('./image-worker.ts', import.meta.url), { execArgv: [], name: 'image-encoder' });
  thread.on('message', (answer: EncodeAnswer) => {
    const job = settle(answer.id);
    if ('data' in answer) job?.resolve(answer);
    else job?.reject(failureOf(answer));
  });
  const lose = (reason: string) => {
    if (worker === thread) stop(reason);
  };
  thread.on('error', (error) => lose(`the encoder threw: ${error.message}`));
  thread.on('exit', () => lose('the encoder ended'));
  // Last: a listener for messages would hold the process again.
  thread.unref();
  return thread;
}

/** All jobs are given up; the next frame starts another thread. */
function stop(reason: string): void {
  const ended = worker;
  worker = null;
  ended?.terminate().catch(() => {}); // it hangs or has ended by itself; either way nobody waits for it any more
  for (const id of [...jobs.keys()]) settle(id)?.reject(new AgentError('ERR_VIDEO', reason));
}

function settle(id: number): Job | undefined {
  const job = jobs.get(id);
  jobs.delete(id);
  job?.clock.clearTimeout(job.timer);
  return job;
}

function failureOf({ error, isMissing }: Extract<EncodeAnswer, { error: string }>): AgentError {
  if (!isMissing) return new AgentError('ERR_VIDEO', `a frame could not be encoded: ${error}`);
  return new AgentError('ERR_VIDEO', 'images need the package @jsquash/jpeg', {
    fix: 'Install it with `npm install @jsquash/jpeg@1.6.0`',
  });
}
