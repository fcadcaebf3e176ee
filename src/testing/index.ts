// Published as `livekitex-agent/testing`: what a user needs to test an agent without network, devices or waiting.
export { auditChart, type ChartAuditOptions, type ChartFinding, type ChartRule } from './chart-audit.ts';
export { toMermaid, toStudioJson } from './chart-export.ts';
export { type LlmConformanceOptions, llmConformance } from './conformance/llm.ts';
export type { ConformanceOptions, ConformanceRule } from './conformance/rule.ts';
export { type SttConformanceOptions, sttConformance } from './conformance/stt.ts';
export { ttsConformance } from './conformance/tts.ts';
export { turnDetectorConformance } from './conformance/turn-detector.ts';
export { type VadConformanceOptions, vadConformance } from './conformance/vad.ts';
export { crash, InjectedCrash } from './crash.ts';
export { type HeardAudio, LoopbackUser, type LoopbackUserOptions, type SpeakOptions } from './loopback-user.ts';
export { type ScriptedAnswer, ScriptedLlm, type ScriptedLlmOptions } from './scripted-llm.ts';
export { ScriptedStt, type SttFaults } from './scripted-stt.ts';
export { ScriptedTts, type ScriptedTtsOptions, type TtsFaults } from './scripted-tts.ts';
export { ScriptedVad, type ScriptedVadOptions, type VadFaults } from './scripted-vad.ts';
export { type SpokenLine, SpokenScript } from './spoken-script.ts';
export { prepareTestCall, startTestCall, type TestCall, type TestCallOptions } from './test-call.ts';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
