// Entry file of a speech worker, thread or process: loads one engine module and answers requests in order.
import { parentPort } from 'node:worker_threads';
import { textOf } from '../../../errors.ts';
import type { Engine, OpenEngine } from './engine.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

const port = parentPort;
let engine: Engine | undefined;
// One chain for everything: an engine never sees two requests at once, and none before it is open.
let work: Promise<void> = Promise.resolve();

function send(message: FromWorker): void {
  if (port !== null) port.postMessage(message);
  else process.send?.(message, undefined, undefined, () => undefined); // a closed channel is seen by 'disconnect'
}

async function open(module: string, options: unknown): Promise<void> {
  try {
    // The host names the module; that it exports openEngine is the contract of engine.ts.
    const { openEngine } = (await import(module)) as { openEngine: OpenEngine };
    engine = await openEngine(options);
    await engine.probe?.();
    send({ type: 'ready' });
  } catch (error) {
    // A wasm engine may throw the bare address of its exception; what it printed says more.
    send({ type: 'broken', message: error instanceof Error ? textOf(error) : 'it could not be opened' });
  }
}

async function answer(id: number, run: (engine: Engine) => unknown): Promise<void> {
  try {
    if (engine === undefined) throw new Error('the engine is not open');
    send({ type: 'answer', id, value: await run(engine) });
  } catch (error) {
    send({ type: 'error', id, message: textOf(error) });
  }
}

function receive(message: ToWorker): void {
  work = work.then(() => {
    if (message.type === 'open') return open(message.module, message.options);
    if (message.type === 'probe') return answer(message.id, (e) => e.probe?.());
    return answer(message.id, (e) =>
      e.handle(message.payload, (m) => send({ type: 'emit', id: message.id, message: m })),
    );
  });
}

if (port !== null) {
  // Reading a thread's streams from outside would keep the host process alive, so what is printed goes as a message.
  const print = (chunk: unknown): boolean => {
    send({ type: 'output', text: String(chunk) });
    return true;
  };
  Object.assign(process.stdout, { write: print });
  Object.assign(process.stderr, { write: print });
  port.on('message', receive);
} else {
  process.on('message', (message) => receive(message as ToWorker)); // only our host writes on this channel
  process.on('disconnect', () => process.exit(0)); // the parent is gone: nobody is left to answer
}
