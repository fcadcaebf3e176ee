// What a LiveKit server says on the WebSocket of one room, message by message.
import { SignalResponse } from '@livekit/protocol';

const BINARY = 2;
const END_OF_HEADERS = '\r\n\r\n';

export class ServerWords {
  /** Only signs of life pass. */
  isSwallowed = false;
  #isUpgraded = false;
  #rest = Buffer.alloc(0);

  /** Bytes as they come from the server; returns those that pass, in whole messages. */
  take(bytes: Buffer): Buffer {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const passed: Buffer[] = [];
    if (!this.#isUpgraded) {
      const end = this.#rest.indexOf(END_OF_HEADERS);
      if (end < 0) return Buffer.alloc(0);
      this.#isUpgraded = true;
      passed.push(this.#next(end + END_OF_HEADERS.length));
    }
    for (let length = this.#lengthOfFrame(); length !== null; length = this.#lengthOfFrame()) {
      const { header, payload } = length;
      const frame = this.#next(header + payload);
      if (!this.isSwallowed || isSignOfLife(frame, header)) passed.push(frame);
    }
    return Buffer.concat(passed);
  }

  #next(length: number): Buffer {
    const next = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return next;
  }

  /** RFC 6455, 5.2; a server does not mask. Null: the frame is not whole yet. */
  #lengthOfFrame(): { readonly header: number; readonly payload: number } | null {
    const rest = this.#rest;
    if (rest.length < 2) return null;
    const short = rest.readUInt8(1) & 0x7f;
    const header = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (rest.length < header) return null;
    const payload = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
    return rest.length < header + payload ? null : { header, payload };
  }
}

function isSignOfLife(frame: Buffer, header: number): boolean {
  if ((frame.readUInt8(0) & 0x0f) !== BINARY) return true;
  const { message } = SignalResponse.fromBinary(frame.subarray(header));
  return message.case === 'pong' || message.case === 'pongResp';
}
