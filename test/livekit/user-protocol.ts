// What a test and its user process say to each other.
import type { HeardFact } from './room-user.ts';
import type { Show } from './shown-video.ts';

export type UserCommand =
  | { readonly type: 'join'; readonly url: string; readonly token: string }
  /** The microphone is unpublished, or published as a new track. */
  | { readonly type: 'microphone'; readonly on: boolean }
  /** A sine through the microphone. */
  | { readonly type: 'speak'; readonly durationMs: number; readonly hz: number }
  | { readonly type: 'type'; readonly text: string }
  /** A video of one colour, until it is hidden. */
  | ({ readonly type: 'show' } & Show)
  | { readonly type: 'hide'; readonly source: Show['source'] }
  /** One reliable data packet, or the same one several times. */
  | {
      readonly type: 'data';
      readonly topic: string;
      readonly base64: string;
      readonly to: string[];
      readonly repeat?: number;
    }
  /** One byte stream. */
  | { readonly type: 'bytes'; readonly topic: string; readonly base64: string; readonly to: string[] }
  /** A key of the telephone. */
  | { readonly type: 'press'; readonly code: number; readonly digit: string }
  /** As a telephone bridge does while the call goes on. */
  | { readonly type: 'setAttributes'; readonly attributes: Record<string, string> }
  | { readonly type: 'leave' }
  | { readonly type: 'exit' };

export type UserReport =
  | { readonly type: 'ready' }
  | { readonly type: 'joined' }
  | { readonly type: 'said'; readonly durationMs: number }
  | HeardFact
  | {
      readonly type: 'attributes';
      readonly identity: string;
      readonly changed: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'transcript';
      readonly identity: string;
      readonly streamId: string;
      readonly attributes: Readonly<Record<string, string>>;
      readonly text: string;
      readonly isClosed: boolean;
    }
  /** A data packet, or a whole byte stream, on one of the topics of the agent. */
  | {
      readonly type: 'data' | 'bytes';
      readonly topic: string;
      readonly identity: string;
      readonly base64: string;
    }
  | { readonly type: 'tone'; readonly code: number; readonly digit: string; readonly identity: string }
  | { readonly type: 'participantLeft'; readonly identity: string }
  | { readonly type: 'left'; readonly reason: number }
  | { readonly type: 'failed'; readonly command: string; readonly message: string };
