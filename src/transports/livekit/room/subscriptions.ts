// Who listens to a track of the room: sessions that share a room share its publications, and none ends what another hears.
import type { Clock } from '../../../clock.ts';
import type { RtcPublication } from '../rtc.ts';

/**
 * The server may join an end and a new beginning into nothing at all, while the library has ended the track: nobody is heard
 * from then on. 1 ms apart it did so once in ten times, 20 ms apart not any more (livekit-server 1.13.5 on loopback).
 */
const BETWEEN_MS = 500;

interface Audience {
  readonly listeners: Set<object>;
  /** The library was told to end it; whatever track is still there will be gone in a moment. */
  isLetGo: boolean;
  /** That was just now. */
  isEnding: boolean;
}

/** By publication, with which it goes: a room that is joined anew has others. */
const audiences = new WeakMap<RtcPublication, Audience>();

/** Asks for the track, unless it is there. Idempotent. */
export function subscribe(publication: RtcPublication, listener: object): void {
  const audience = audiences.get(publication) ?? { listeners: new Set(), isLetGo: false, isEnding: false };
  audiences.set(publication, audience);
  audience.listeners.add(listener);
  if (audience.isEnding || (publication.track !== undefined && !audience.isLetGo)) return;
  audience.isLetGo = false;
  publication.setSubscribed?.(true);
}

/** The last listener ends it, at the end of the tick; whoever never asked for it ends nothing. */
export function unsubscribe(publication: RtcPublication, listener: object, clock: Pick<Clock, 'setTimeout'>): void {
  const audience = audiences.get(publication);
  if (audience?.listeners.delete(listener) !== true) return;
  queueMicrotask(() => {
    if (audience.listeners.size > 0 || audience.isLetGo) return;
    audience.isLetGo = true;
    audience.isEnding = true;
    tell(publication, false);
    clock.setTimeout(() => {
      audience.isEnding = false;
      if (audience.listeners.size === 0) return;
      audience.isLetGo = false;
      tell(publication, true);
    }, BETWEEN_MS);
  });
}

function tell(publication: RtcPublication, isWanted: boolean): void {
  try {
    publication.setSubscribed?.(isWanted);
  } catch {
    // Of a room that was left meanwhile nothing is subscribed any more.
  }
}
