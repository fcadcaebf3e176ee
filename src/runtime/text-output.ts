// Where a reply goes in a session without a voice: its words count as heard as soon as they are shown.
import type { FlushResult, OutputLink, OutputLinkEvents, TextWriter } from '../audio/output-link.ts';
import type { Clock } from '../clock.ts';

/** What the charts need of an output, spoken or written. */
export type ReplyOutput<Key> = Pick<
  OutputLink<Key>,
  'attachTurn' | 'flush' | 'pause' | 'resume' | 'hold' | 'isAudible' | 'isBusy'
>;

/** Between two tellings of a text that grows: smooth to the eye, and not an event for each token. */
const SHOWN_EVERY_MS = 100;

interface Segment<Key> {
  readonly key: Key;
  readonly itemId: string;
  text: string;
  ended: boolean;
  /** When the text was last told; null while nothing of it was. */
  shownAtMs: number | null;
  /** The turn knows that there is text: without that it would take the reply for empty. */
  toldTurn: boolean;
  over: boolean;
}

/** Keeps the promises of the output link: one writer, revoked by a flush, and what was heard is told before that returns. */
export class TextOutput<Key> implements ReplyOutput<Key> {
  readonly #events: Pick<OutputLinkEvents<Key>, 'buffering' | 'held' | 'progressed' | 'drained' | 'heard'>;
  readonly #clock: Pick<Clock, 'now'>;
  #segment: Segment<Key> | null = null;
  #epoch = 0;
  #isHeld = false;

  constructor(
    events: Pick<OutputLinkEvents<Key>, 'buffering' | 'held' | 'progressed' | 'drained' | 'heard'>,
    clock: Pick<Clock, 'now'>,
  ) {
    this.#events = events;
    this.#clock = clock;
  }

  attachTurn(key: Key): TextWriter {
    this.flush();
    const epoch = ++this.#epoch;
    const begin = (itemId: string) => {
      if (epoch !== this.#epoch) return;
      this.#segment = { key, itemId, text: '', ended: false, shownAtMs: null, toldTurn: false, over: false };
    };
    const write = (text: string) => {
      const segment = this.#segment;
      if (epoch !== this.#epoch || segment === null || segment.ended || text === '') return;
      segment.text += text;
      this.#show(segment);
    };
    const end = () => {
      const segment = this.#segment;
      if (epoch !== this.#epoch || segment === null || segment.ended) return;
      segment.ended = true;
      this.#show(segment);
    };
    return {
      begin,
      write,
      end,
      play: (itemId, text) => {
        begin(itemId);
        write(text);
        end();
      },
    };
  }

  flush(): FlushResult {
    this.#epoch++;
    const segment = this.#segment;
    this.#segment = null;
    if (segment === null || segment.over) return { playedMs: 0, heardText: '' };
    const heardText = segment.shownAtMs === null ? '' : segment.text;
    this.#events.heard(segment.key, segment.itemId, heardText, true);
    return { playedMs: 0, heardText };
  }

  /** While the user speaks, an answer of which nothing was shown waits: it may turn out to be to half a sentence. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (this.#segment !== null) this.#show(this.#segment);
  }

  /** A text that is shown cannot be paused. */
  pause(): void {}
  resume(): void {}

  get isBusy(): boolean {
    return this.#segment !== null && !this.#segment.over;
  }

  get isAudible(): boolean {
    return this.#segment !== null && this.#segment.shownAtMs !== null;
  }

  #show(segment: Segment<Key>): void {
    if (segment.over || segment.text === '') return;
    const { key, itemId, text } = segment;
    if (this.#isHeld && segment.shownAtMs === null) {
      if (!segment.ended || segment.toldTurn) return;
      this.#tellTurn(segment);
      this.#events.held(key);
      return;
    }
    const now = this.#clock.now();
    if (segment.ended) {
      segment.over = true;
      segment.shownAtMs = now;
      this.#tellTurn(segment);
      this.#events.heard(key, itemId, text, false);
      this.#events.drained(key);
    } else if (segment.shownAtMs === null || now - segment.shownAtMs >= SHOWN_EVERY_MS) {
      segment.shownAtMs = now;
      this.#events.progressed(key, itemId, text);
    }
  }

  #tellTurn(segment: Segment<Key>): void {
    if (segment.toldTurn) return;
    segment.toldTurn = true;
    this.#events.buffering(segment.key);
  }
}
