// Engine module of the speech worker: flite in its own thread.
import { AgentError } from '../../errors.ts';
import { loadFlite } from './flite-engine.ts';
import { isFliteVoice } from './flite-voices.ts';
import type { OpenEngine } from './worker/engine.ts';

export const openEngine: OpenEngine = async () => {
  const flite = await loadFlite();
  return {
    handle(payload) {
      const { text, voice } = payload as { text: string; voice: string }; // only flite-speaker.ts writes these requests
      if (!isFliteVoice(voice)) throw new AgentError('ERR_OPTION', `${voice} is not a voice of flite`);
      return flite.synthesize(text, voice);
    },
    // Also compiles the hot code of the synthesizer, so that the first clause of a call is not the slow one.
    probe: () => flite.synthesize('Ready.', 'slt').samples.length,
  };
};
