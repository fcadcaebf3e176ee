// The voices inside the flite package, and what they sound like.

/** Voices by name; all speak English. `kal` is made at 8 kHz and doubled, the others at 16 kHz. */
export const FLITE_VOICES = {
  slt: 'woman, United States, clearest of the five',
  rms: 'man, United States',
  awb: 'man, Scotland',
  kal16: 'man, United States, diphones: fastest and most robotic',
  kal: 'man, United States, diphones at 8 kHz',
} as const;

export type FliteVoice = keyof typeof FLITE_VOICES;

/** All voices are delivered at this rate. */
export const FLITE_SAMPLE_RATE_HZ = 16_000;

export function isFliteVoice(name: string): name is FliteVoice {
  return Object.hasOwn(FLITE_VOICES, name);
}
