// The thread that makes images of frames: a frame takes tens of milliseconds, longer than the audio of a call may wait.
import { readFile } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import type { EncodeAnswer, EncodeRequest } from './image-encoder.ts';
import { toRgba } from './yuv.ts';

type Encode = (
  image: { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number },
  options: object,
) => Promise<ArrayBuffer>;

let loading: Promise<Encode> | undefined;

/** Loaded here and nowhere else: the package adds names to the globals of its thread. */
async function load(): Promise<Encode> {
  const { default: encode, init } = await import('@jsquash/jpeg/encode.js');
  // By itself it would fetch the code by a URL, which Node does not do for files.
  const code = await readFile(new URL(import.meta.resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm')));
  await init(await WebAssembly.compile(code));
  return encode as Encode; // its declarations want the ImageData of browsers, of which it reads these three fields
}

async function answer({ id, frame, longestSidePx, quality }: EncodeRequest): Promise<EncodeAnswer> {
  loading ??= load();
  let encode: Encode;
  try {
    encode = await loading;
  } catch (error) {
    loading = undefined;
    return { id, error: String(error), isMissing: (error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND' };
  }
  try {
    const { data, widthPx, heightPx } = toRgba(frame, longestSidePx);
    // Progressive files are a little smaller and take a third longer.
    const file = await encode({ data, width: widthPx, height: heightPx }, { quality, progressive: false });
    return { id, data: new Uint8Array(file), widthPx, heightPx };
  } catch (error) {
    return { id, error: String(error), isMissing: false };
  }
}

parentPort?.on('message', async (request: EncodeRequest) => parentPort?.postMessage(await answer(request)));
