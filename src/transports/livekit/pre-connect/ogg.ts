// Opus packets out of an Ogg stream, as the bytes arrive.
import { AgentError } from '../../../errors.ts';
import { ByteQueue } from './bytes.ts';

const CAPTURE = 'OggS';
const HEADER_BYTES = 27;
/** A packet that fills its segments goes on in the next one. */
const FULL_SEGMENT = 255;
/** Far above a packet of Opus (1 275 bytes) or its comments; more is no recording of a microphone. */
const LONGEST_PACKET_BYTES = 65_536;

/** Packets of audio, the two headers left out. Anything that is not Ogg with Opus throws `ERR_AUDIO_FRAME`. */
export class OggDemuxer {
  readonly #bytes = new ByteQueue();
  #begun: Uint8Array = new Uint8Array(0);
  #packets = 0;

  /** The packets that are whole now. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#bytes.push(bytes);
    const packets: Uint8Array[] = [];
    for (let page = this.#nextPage(); page !== undefined; page = this.#nextPage())
      for (const packet of this.#packetsOf(page)) if (this.#isAudio(packet)) packets.push(packet);
    return packets;
  }

  #nextPage(): { readonly lengths: Uint8Array; readonly content: Uint8Array } | undefined {
    const here = this.#bytes.peek();
    if (textOf(here.subarray(0, CAPTURE.length)) !== CAPTURE.slice(0, here.length))
      throw broken('no page where one begins');
    const count = here[HEADER_BYTES - 1];
    if (count === undefined || here.length < HEADER_BYTES + count) return undefined;
    const lengths = here.subarray(HEADER_BYTES, HEADER_BYTES + count);
    const end = lengths.reduce((sum, length) => sum + length, HEADER_BYTES + count);
    if (here.length < end) return undefined;
    this.#bytes.drop(end);
    return { lengths, content: here.subarray(HEADER_BYTES + count, end) };
  }

  *#packetsOf({ lengths, content }: { readonly lengths: Uint8Array; readonly content: Uint8Array }) {
    let from = 0;
    let to = 0;
    for (const length of lengths) {
      to += length;
      if (length === FULL_SEGMENT) continue;
      yield this.#complete(content.subarray(from, to));
      this.#begun = new Uint8Array(0);
      from = to;
    }
    if (to > from) this.#begun = this.#complete(content.subarray(from, to));
  }

  #complete(rest: Uint8Array): Uint8Array {
    if (this.#begun.length === 0) return rest;
    const packet = new Uint8Array(this.#begun.length + rest.length);
    if (packet.length > LONGEST_PACKET_BYTES) throw broken(`a packet of more than ${LONGEST_PACKET_BYTES} bytes`);
    packet.set(this.#begun);
    packet.set(rest, this.#begun.length);
    return packet;
  }

  #isAudio(packet: Uint8Array): boolean {
    this.#packets++;
    if (this.#packets === 1 && textOf(packet.subarray(0, 8)) !== 'OpusHead') throw broken('another codec');
    return this.#packets > 2 && packet.length > 0;
  }
}

const textOf = (bytes: Uint8Array) => String.fromCharCode(...bytes);

function broken(found: string): AgentError {
  return new AgentError('ERR_AUDIO_FRAME', `the recording is not Ogg with Opus: ${found}`, {
    field: 'pre-connect audio',
  });
}
