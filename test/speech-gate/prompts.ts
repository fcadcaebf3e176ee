// Recorded human prompts with transcripts, as Debian packages them: one professional voice, 16 kHz.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeG722 } from './g722.ts';
import { wordsOf } from './words.ts';

export interface Prompt {
  readonly name: string;
  readonly transcript: string;
  /** 16 kHz mono. */
  readonly samples: Int16Array;
}

const SOUNDS = '/usr/share/asterisk/sounds/en';
const TRANSCRIPTS = '/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz';
export const INSTALL_COMMAND = 'apt-get install --yes asterisk-core-sounds-en asterisk-core-sounds-en-g722';

/**
 * Every prompt that is a sentence of 4 to 16 words. Left out: tones and noises (their transcript is in brackets), pieces
 * that are played one after another (they begin or end in the middle of a sentence, marked by dots) and prompts that
 * name characters to press (their transcripts spell them in ways nobody could hear).
 * @returns undefined when the packages are not installed
 */
export function readPrompts(): readonly Prompt[] | undefined {
  if (!existsSync(TRANSCRIPTS) || !existsSync(SOUNDS)) return undefined;
  const lines = gunzipSync(readFileSync(TRANSCRIPTS)).toString('utf8').split('\n');
  const prompts = lines.flatMap((line) => {
    const [, name = '', transcript = ''] = /^([\w/-]+): (.+)$/.exec(line.trim()) ?? [];
    const words = wordsOf(transcript).length;
    const path = join(SOUNDS, `${name}.g722`);
    if (words < 4 || words > 16 || /[[(]|\.\.|["*#]/.test(transcript) || !existsSync(path)) return [];
    return [{ name, transcript, samples: decodeG722(readFileSync(path)) }];
  });
  return prompts.length === 0 ? undefined : prompts;
}
