// Who listens to a track of the room: sessions that share a room share its publications, and none ends what another hears.
import type { RtcPublication } from '../rtc.ts';

interface Audience {
  readonly listeners: Set<object>;
  /** The library was told to end it; whatever track is still there will be gone in a moment. */
  isLetGo: boolean;
}

/** By publication, with which it goes: a room that is joined anew has others. */
const audiences = new WeakMap<RtcPublication, Audience>();

/** Asks for the track, unless it is there. Idempotent. */
export function subscribe(publication: RtcPublication, listener: object): void {
  const audience = audiences.get(publication) ?? { listeners: new Set(), isLetGo: false };
  audiences.set(publication, audience);
  audience.listeners.add(listener);
  if (publication.track !== undefined && !audience.isLetGo) return;
  audience.isLetGo = false;
  publication.setSubscribed?.(true);
}

/**
 * The last listener ends it, and whoever never asked for it ends nothing. At the end of the tick: the server may join the end
 * and a new beginning into nothing at all, while the library has ended the track.
 */
export function unsubscribe(publication: RtcPublication, listener: object): void {
  const audience = audiences.get(publication);
  if (audience?.listeners.delete(listener) !== true) return;
  queueMicrotask(() => {
    if (audience.listeners.size > 0 || audience.isLetGo) return;
    audience.isLetGo = true;
    try {
      publication.setSubscribed?.(false);
    } catch {
      // Of a room that was left meanwhile nothing is subscribed any more.
    }
  });
}
