// Loads the room library in a second thread and tells what came of it.
import { parentPort } from 'node:worker_threads';
import { loadRtc } from '../../../src/transports/livekit/rtc.ts';

loadRtc().then(
  () => parentPort?.postMessage('loaded'),
  (error: { readonly code?: string }) => parentPort?.postMessage(error.code),
);
