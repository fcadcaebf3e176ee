// Moves audio from the output link to the device and watches the played position; arms only its next edge.
import type { Clock } from '../clock.ts';
import type { PipelineEvent } from '../events.ts';
import type { StreamIo } from './stream.ts';

export interface PlayOutDeps {
  readonly clock: Clock;
  /** OutputLink.attachPlayout. */
  attach(reader: { wake(): void }): { pump(): void; tick(): void; nextTickMs(): number | null };
}

export function playOut({ clock, attach }: PlayOutDeps, io: StreamIo<PipelineEvent>): () => void {
  let timer: unknown;
  const schedule = () => {
    clock.clearTimeout(timer);
    const delayMs = port.nextTickMs();
    if (delayMs === null || io.isOver) return;
    timer = clock.setTimeout(
      io.guard(() => {
        port.tick();
        schedule();
      }),
      delayMs,
    );
  };
  const wake = io.guard(() => {
    port.pump();
    schedule();
  });
  const port = attach({ wake });
  io.report({ type: 'pipeline.opened' });
  wake();
  return () => clock.clearTimeout(timer);
}
