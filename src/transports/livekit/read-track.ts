// Reads a native stream of a track for as long as it lasts: an unread one grows without bound.

export interface TrackStream<T> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
    cancel(): Promise<void>;
  };
}

/** Returns a function that stops reading and releases the stream. Idempotent; nothing is handed over afterwards. */
export function readTrack<T>(stream: TrackStream<T>, onValue: (value: T) => void): () => void {
  const reader = stream.getReader();
  let isOpen = true;
  const read = async () => {
    try {
      while (isOpen) {
        const { done, value } = await reader.read();
        if (done || value === undefined || !isOpen) return;
        onValue(value);
      }
    } catch {
      // A stream that breaks is one that ended: the next subscription opens a new one.
    }
  };
  void read();
  return () => {
    if (!isOpen) return;
    isOpen = false;
    reader.cancel().catch(() => {}); // already ended
  };
}
