// The user of the demo: a script spoken by a second voice, or any WAV file.
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readWav } from '../../audio/wav.ts';
import { AgentError, textOf } from '../../errors.ts';
import { flitePool, pooledSpeaker } from '../../providers/local/flite-speaker.ts';
import { speakToPcm } from '../../providers/local/speak-to-pcm.ts';
import type { DemoUser, SpokenTurn } from './demo-call.ts';
import { cutIntoFrames } from './microphone.ts';
import { DEMO_SCRIPT, USER_VOICE } from './script.ts';

/** Speaks the whole script beforehand, so that no synthesis of the user competes with the call. */
export async function spokenScript(): Promise<DemoUser> {
  const pool = flitePool();
  try {
    const turns: SpokenTurn[] = [];
    for (const turn of DEMO_SCRIPT) {
      const frames = await speakToPcm(turn.says, { voice: USER_VOICE, speaker: pooledSpeaker(pool) });
      turns.push({ ...turn, frames });
    }
    return { kind: 'script', turns };
  } finally {
    pool.stop();
  }
}

/** @throws AgentError `ERR_WAV_FORMAT` for a file that cannot be read or is broken */
export async function recordedUser(path: string): Promise<DemoUser> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new AgentError('ERR_WAV_FORMAT', `${path} cannot be read: ${reasonOf(error)}`, {
      fix: 'Give the path of a WAV file',
      cause: error,
    });
  });
  try {
    const { samples, sampleRateHz, channels } = readWav(bytes);
    return {
      kind: 'recording',
      frames: cutIntoFrames({ samples, sampleRateHz, channels }),
      format: { sampleRateHz, channels },
    };
  } catch (error) {
    throw new AgentError('ERR_WAV_FORMAT', `${path}: ${textOf(error)}`, { cause: error });
  }
}

/**
 * Looks now whether the recording can be stored: a call of a minute must not end with "permission denied".
 * @throws AgentError `ERR_USAGE`
 */
export async function checkWritable(path: string): Promise<void> {
  const file = resolve(path);
  try {
    const found = await stat(file).catch(() => undefined);
    if (found?.isDirectory() === true) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    await access(found === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    throw new AgentError('ERR_USAGE', `${path} cannot be written: ${reasonOf(error)}`, {
      field: '--out',
      fix: 'Name a file in a folder that exists',
      cause: error,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  EROFS: 'the disk is read-only',
};

function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? textOf(error);
}
