// What a session sees: the newest images of the user's video, and those that belong to the newest thing the user said.
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { Ids } from '../ids.ts';
import type { ChatImage, ChatMessage, ImageSource } from '../providers/llm.ts';
import type { VideoRequest } from '../transports/transport.ts';
import type { ChatItem, ImageRef } from './ledger.ts';
import type { VideoOptions } from './session-options.ts';

/** An image older than this, and than the time between two of them, shows what was and not what is. */
const STALE_MS = 10_000;
/** More than any model takes. */
const MAX_IMAGE_BYTES = 10_000_000;
const MIME_TYPES: readonly string[] = ['image/jpeg', 'image/png', 'image/webp'] satisfies ChatImage['mimeType'][];

interface Seen {
  readonly ref: ImageRef;
  readonly image: ChatImage;
  readonly atMs: number;
}

export interface SightOptions {
  readonly options: VideoOptions;
  readonly clock: Clock;
  readonly ids: Ids;
  isUserSpeaking(): boolean;
  /** Does the model take images? May change with the agent. */
  canSee(): boolean;
  onReceived(image: ChatImage): void;
  onProblem(error: AgentError): void;
}

/** Outlives every actor, as ledger and links do. Holds at most `2 * imagesPerTurn` images of each source. */
export class Sight {
  /** What the transport is asked for. */
  readonly request: VideoRequest;
  readonly #given: SightOptions;
  readonly #newest = new Map<ImageSource, readonly Seen[]>();
  /** Images of the newest user item that has some. */
  #committed: readonly Seen[] = [];
  #hasToldBlind = false;
  #isLastBroken = false;

  constructor(given: SightOptions) {
    this.#given = given;
    const { camera, screen, longestSidePx, quality } = given.options;
    this.request = {
      sources: [...(camera ? (['camera'] as const) : []), ...(screen ? (['screen'] as const) : [])],
      longestSidePx,
      quality,
      intervalMs: () => this.#intervalMs(),
      onImage: (image) => this.#keep(image),
      onGone: (source) => this.#newest.delete(source),
    };
  }

  /** The connection is gone, and with it everything that was on show. */
  forget(): void {
    this.#newest.clear();
  }

  /** Tells once when nobody will look at the images. Returns whether the model takes them. */
  look(): boolean {
    const canSee = this.#given.canSee();
    if (!canSee && !this.#hasToldBlind) {
      this.#hasToldBlind = true;
      this.#given.onProblem(
        new AgentError('ERR_VIDEO', 'the model of this session takes no images', {
          field: 'video',
          fix: 'Use a model that declares `capabilities: { images: true }`, or leave the option `video` out',
        }),
      );
    }
    return canSee;
  }

  /** The newest images now belong to what the user just said; those of earlier turns are forgotten. */
  commit(): readonly ImageRef[] {
    this.#committed = this.#present();
    return this.#committed.map(({ ref }) => ref);
  }

  /**
   * The request with what was seen: only the newest user message has images, so that a long call costs no more than a
   * short one. A reply that the host asked for answers no message: it sees what is on show, in a message of its own.
   */
  show(messages: readonly ChatMessage[], items: readonly ChatItem[], isAnswer: boolean): readonly ChatMessage[] {
    if (!this.look()) return messages;
    const item = items.findLast((each) => each.type === 'user');
    const refs = new Set((item?.type === 'user' ? item.images : undefined)?.map(({ id }) => id));
    const images = (isAnswer ? this.#committed.filter(({ ref }) => refs.has(ref.id)) : this.#present()).map(
      (seen) => seen.image,
    );
    if (images.length === 0) return messages;
    if (!isAnswer) return [...messages, { role: 'user', content: '', images }];
    const at = messages.findLastIndex(({ role }) => role === 'user');
    return messages.map((message, index) =>
      index === at && message.role === 'user' ? { ...message, images } : message,
    );
  }

  #intervalMs(): number {
    const { options, isUserSpeaking } = this.#given;
    const fps = isUserSpeaking() ? options.speakingFps : options.silentFps;
    return fps > 0 && this.look() ? 1000 / fps : Number.POSITIVE_INFINITY;
  }

  #keep(image: ChatImage): void {
    const { options, clock, ids, onReceived, onProblem } = this.#given;
    if (!isImage(image)) {
      // One line for a camera that is broken, not one for each of its frames.
      if (!this.#isLastBroken)
        onProblem(
          new AgentError('ERR_VIDEO', 'an image was refused', {
            field: 'image',
            rule: `must be a JPEG, PNG or WebP of at most ${MAX_IMAGE_BYTES} bytes, with its size and source`,
          }),
        );
      this.#isLastBroken = true;
      return;
    }
    this.#isLastBroken = false;
    const { mimeType, source, widthPx, heightPx } = image;
    const ref: ImageRef = {
      id: ids.next('img'),
      mimeType,
      source,
      widthPx,
      heightPx,
      takenAtMs: clock.wallNow(),
    };
    // A copy: whoever brings images may use the memory again.
    const seen: Seen = { ref, image: { ...image, data: image.data.slice() }, atMs: clock.now() };
    this.#newest.set(source, [...(this.#newest.get(source) ?? []), seen].slice(-options.imagesPerTurn));
    onReceived(seen.image);
  }

  #present(): readonly Seen[] {
    const { options, clock } = this.#given;
    const staleMs = STALE_MS + (options.silentFps > 0 ? 1000 / options.silentFps : 0);
    const sinceMs = clock.now() - staleMs;
    return [...this.#newest.values()]
      .flat()
      .filter(({ atMs }) => atMs >= sinceMs)
      .sort((a, b) => a.atMs - b.atMs);
  }
}

/** From outside: a transport of the host, or a browser behind it. */
function isImage(image: ChatImage): boolean {
  const { mimeType, data, widthPx, heightPx, source } = image ?? {};
  const isSize = (value: unknown) => Number.isInteger(value) && Number(value) > 0;
  return (
    data instanceof Uint8Array &&
    data.length > 0 &&
    data.length <= MAX_IMAGE_BYTES &&
    MIME_TYPES.includes(mimeType) &&
    (source === 'camera' || source === 'screen') &&
    isSize(widthPx) &&
    isSize(heightPx)
  );
}
