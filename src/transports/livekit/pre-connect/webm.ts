// Opus packets out of the WebM that a browser's MediaRecorder writes, as the bytes arrive.
import { AgentError } from '../../../errors.ts';
import { ByteQueue } from './bytes.ts';

const ELEMENT = {
  header: 0x1a45dfa3,
  segment: 0x18538067,
  tracks: 0x1654ae6b,
  track: 0xae,
  codec: 0x86,
  cluster: 0x1f43b675,
  group: 0xa0,
  block: 0xa1,
  simpleBlock: 0xa3,
} as const;

/** Their content is read element by element, so that a recorder need not know how long they will be. */
const CONTAINERS: ReadonlySet<number> = new Set([
  ELEMENT.segment,
  ELEMENT.tracks,
  ELEMENT.track,
  ELEMENT.cluster,
  ELEMENT.group,
]);
/** Far above a packet of Opus (1 275 bytes) or a header; more is no recording of a microphone. */
const LONGEST_ELEMENT_BYTES = 65_536;
/** Flags of a block: several packets in one, which no recorder of live audio does. */
const LACING = 0x06;

/** Packets of the one audio track. Anything that is not such a recording throws `ERR_AUDIO_FRAME`. */
export class WebmDemuxer {
  readonly #bytes = new ByteQueue();
  #isBegun = false;

  /** The packets that are whole now. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#bytes.push(bytes);
    const packets: Uint8Array[] = [];
    for (let element = this.#next(); element !== undefined; element = this.#next()) {
      const { id, content } = element;
      if (id === ELEMENT.codec) checkCodec(content);
      if (id === ELEMENT.simpleBlock || id === ELEMENT.block) packets.push(packetOf(content));
    }
    return packets;
  }

  /** The next element that is here in full; containers are stepped into. */
  #next(): { readonly id: number; readonly content: Uint8Array } | undefined {
    for (;;) {
      const here = this.#bytes.peek();
      const id = readId(here);
      if (id === undefined) return undefined;
      if (!this.#isBegun && id.value !== ELEMENT.header) throw broken('the first element is not its header');
      const size = readSize(here.subarray(id.length));
      if (size === undefined) return undefined;
      this.#isBegun = true;
      const headLength = id.length + size.length;
      if (CONTAINERS.has(id.value)) {
        this.#bytes.drop(headLength);
        continue;
      }
      if (size.value > LONGEST_ELEMENT_BYTES) throw broken(`an element of ${size.value} bytes`);
      if (here.length < headLength + size.value) return undefined;
      this.#bytes.drop(headLength + size.value);
      return { id: id.value, content: here.subarray(headLength, headLength + size.value) };
    }
  }
}

interface Varint {
  readonly value: number;
  readonly length: number;
}

/** Undefined: more bytes are needed. */
function readId(bytes: Uint8Array): Varint | undefined {
  const [first] = bytes;
  if (first === undefined) return undefined;
  const length = Math.clz32(first) - 23; // leading zeros of a byte, plus one
  if (length > 4) throw broken('an element without a name');
  if (bytes.length < length) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (bytes[i] ?? 0);
  return { value, length };
}

/** Undefined: more bytes are needed. All ones mean that the size is not known, which is Infinity here. */
function readSize(bytes: Uint8Array): Varint | undefined {
  const [first] = bytes;
  if (first === undefined) return undefined;
  const length = Math.clz32(first) - 23;
  if (length > 8) throw broken('an element without a size');
  if (bytes.length < length) return undefined;
  const mask = 0xff >> length;
  let value = first & mask;
  let isUnknown = value === mask;
  for (let i = 1; i < length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte !== 0xff) isUnknown = false;
    value = value * 256 + byte;
  }
  return { value: isUnknown ? Number.POSITIVE_INFINITY : value, length };
}

function packetOf(block: Uint8Array): Uint8Array {
  const track = readSize(block);
  // After the track: two bytes of time, one of flags.
  if (track === undefined || block.length <= track.length + 3) throw broken('a block without a packet');
  if (((block[track.length + 2] ?? 0) & LACING) !== 0) throw broken('several packets in one block');
  return block.subarray(track.length + 3);
}

function checkCodec(name: Uint8Array): void {
  const codec = new TextDecoder().decode(name).replace(/\0+$/, '');
  if (codec !== 'A_OPUS') throw broken(`a track of ${JSON.stringify(codec.slice(0, 32))}`);
}

function broken(found: string): AgentError {
  return new AgentError('ERR_AUDIO_FRAME', `the recording is not WebM with one track of Opus: ${found}`, {
    field: 'pre-connect audio',
  });
}
