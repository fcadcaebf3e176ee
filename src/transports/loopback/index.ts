// The transport without a network.
export { LoopbackSpeaker, type PlayedAudio } from './loopback-speaker.ts';
export { type LoopbackOptions, LoopbackTransport } from './loopback-transport.ts';
