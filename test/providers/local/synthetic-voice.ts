// A voice-like sound from arithmetic alone: gliding harmonics under three formants, in syllables.

const FORMANTS: readonly (readonly [hz: number, gain: number])[] = [
  [700, 1],
  [1200, 0.6],
  [2500, 0.3],
];

/**
 * 16 kHz samples in about -0.5..0.5; four syllables a second, or one steady vowel. Detectors of voice take it for speech.
 */
export function syntheticVoice(samples: number, steady = false): Float32Array {
  const voice = new Float32Array(samples);
  let phase = 0;
  for (let i = 0; i < samples; i++) {
    const t = i / 16_000;
    const pitch = 130 + 20 * Math.sin(2 * Math.PI * 1.3 * t);
    phase += (2 * Math.PI * pitch) / 16_000;
    let value = 0;
    for (let harmonic = 1; harmonic <= 25; harmonic++) {
      const gain = FORMANTS.reduce((sum, [hz, g]) => sum + g / (1 + ((harmonic * pitch - hz) / 90) ** 2), 0.02);
      value += gain * Math.sin(harmonic * phase);
    }
    voice[i] = 0.1 * value * (steady ? 1 : Math.max(0, Math.sin(2 * Math.PI * 4 * t)));
  }
  return voice;
}

export function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768))));
}
