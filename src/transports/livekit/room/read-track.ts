// Reads a native stream of a track for as long as it lasts: an unread one grows without bound.
import { type AgentError, toAgentError } from '../../../errors.ts';

export interface TrackStream<T> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
    cancel(): Promise<void>;
  };
}

/**
 * Returns a function that stops reading and releases the stream. Idempotent; nothing is handed over or told afterwards.
 * A stream that breaks is over, as one that ends; the next subscription opens a new one.
 */
export function readTrack<T>(
  stream: TrackStream<T>,
  onValue: (value: T) => void,
  onError: (error: AgentError) => void,
): () => void {
  const reader = stream.getReader();
  let isOpen = true;
  const read = async () => {
    try {
      while (isOpen) {
        const { done, value } = await reader.read();
        if (done || value === undefined || !isOpen) return;
        onValue(value);
      }
    } catch (error) {
      if (isOpen) onError(toAgentError(error, 'ERR_TRANSPORT', 'the stream of a track of the user broke'));
    }
  };
  void read();
  return () => {
    if (!isOpen) return;
    isOpen = false;
    reader.cancel().catch(() => {}); // already ended
  };
}
