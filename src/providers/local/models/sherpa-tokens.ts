// Builds the token table that sherpa wants for Moonshine from the vocabulary inside llama-tokenizer-js.
import { AgentError } from '../../../errors.ts';

/**
 * Lines of `base64(piece) id`. The vocabulary is read out of the source text, the source is never run. Byte pieces
 * (`<0x41>`) become that byte and U+2581, the tokenizer's mark for a space, becomes a space.
 * @throws AgentError `ERR_MODEL_CORRUPT` when the source holds no vocabulary
 */
export function sherpaTokens(source: string): Buffer {
  const base64 = /llama_vocab_base64\s*=\s*["'`]([A-Za-z0-9+/=]+)["'`]/.exec(source)?.[1];
  if (base64 === undefined) throw new AgentError('ERR_MODEL_CORRUPT', 'the tokenizer holds no vocabulary');
  const pieces = Buffer.from(base64, 'base64').toString('utf8').split('\n');
  const lines = pieces.map((piece, id) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(piece)?.[1];
    const bytes = byte === undefined ? Buffer.from(piece.replaceAll('\u2581', ' ')) : Buffer.from(byte, 'hex');
    return `${bytes.toString('base64')} ${id}\n`;
  });
  return Buffer.from(lines.join(''));
}
