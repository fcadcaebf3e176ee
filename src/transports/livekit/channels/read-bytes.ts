// Reads a whole byte stream of a participant, within a limit of size and of time.
import { withinMs } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import type { RtcByteReader } from '../rtc.ts';

/** A stream that has not ended by then never will. */
const READ_LIMIT_MS = 5_000;

/** @throws AgentError `ERR_CONTROL_MESSAGE`, `ERR_TIMEOUT`, or what the library throws for a stream that broke */
export async function readBytes(
  reader: RtcByteReader,
  maxBytes: number,
  { clock }: Pick<RoomConnection, 'clock'>,
): Promise<Uint8Array> {
  const bytes = await withinMs(readAll(reader, maxBytes), READ_LIMIT_MS, clock);
  if (bytes !== undefined) return bytes;
  await reader.close();
  throw new AgentError('ERR_TIMEOUT', 'a stream did not end');
}

async function readAll(reader: RtcByteReader, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of reader) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new AgentError('ERR_CONTROL_MESSAGE', 'a stream is too long', {
        rule: `must have at most ${maxBytes} bytes`,
      });
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
