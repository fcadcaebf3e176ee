// Packets in Ogg pages, small ones, so that packets go over their edges. Checksums are left out: nobody reads them here.

const SEGMENTS = 10;

export function oggOf(packets: readonly Uint8Array[], head = 'OpusHead'): Uint8Array {
  const all = [new Uint8Array(Buffer.from(`${head}...........`)), new Uint8Array(Buffer.from('OpusTags')), ...packets];
  const segments = all.flatMap((packet) => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at <= packet.length; at += 255) parts.push(packet.subarray(at, at + 255));
    return parts;
  });
  const pages: Uint8Array[] = [];
  for (let at = 0; at < segments.length; at += SEGMENTS) {
    const part = segments.slice(at, at + SEGMENTS);
    const header = new Uint8Array(27);
    header.set(Buffer.from('OggS'));
    header[26] = part.length;
    pages.push(header, new Uint8Array(part.map(({ length }) => length)), ...part);
  }
  return new Uint8Array(Buffer.concat(pages));
}
