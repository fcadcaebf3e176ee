// A job on a virtual clock in a room without a native side, with a scripted API of the server.
import { seededIds } from '../../src/ids.ts';
import { Agent } from '../../src/runtime/agent.ts';
import { createRuntime } from '../../src/runtime/create-runtime.ts';
import { LoopbackUser } from '../../src/testing/loopback-user.ts';
import { ScriptedLlm } from '../../src/testing/scripted-llm.ts';
import { ScriptedStt } from '../../src/testing/scripted-stt.ts';
import { ScriptedTts } from '../../src/testing/scripted-tts.ts';
import { ScriptedVad } from '../../src/testing/scripted-vad.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import type { TrackAudience } from '../../src/transports/livekit/room/track-audience.ts';
import { JobContext } from '../../src/worker/job/job-context.ts';
import type { JobInfo } from '../../src/worker/job/job-info.ts';
import type { Presence } from '../../src/worker/runner.ts';
import { serverApi } from '../../src/worker/server/http-server-api.ts';
import { FakeRtcWorld } from '../transports/livekit/fake-rtc.ts';
import { ScriptedHttp } from './scripted-http.ts';
import { CONNECTION, type LogLine, recorder } from './test-worker.ts';

export function startTestJob(given: Partial<JobInfo> = {}) {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  const http = new ScriptedHttp();
  const lines: LogLine[] = [];
  const controller = new AbortController();
  /** In order: what the job did to itself and to the room, and what it asked the server. */
  const log: string[] = [];
  const audiences: TrackAudience[] = [];
  const presence: Presence[] = [];
  const held = { count: 0, failures: [] as string[], reason: '' };
  const runtime = createRuntime({ clock, ids: seededIds() });
  const info: JobInfo = {
    id: 'AJ_1',
    dispatchId: 'AD_1',
    kind: 'room',
    roomName: 'lobby',
    roomSid: 'RM_1',
    agentName: 'desk',
    metadata: '',
    attributes: {},
    deployment: '',
    enableRecording: false,
    participant: null,
    ...given,
  };
  http.answer = ({ method }) => {
    world.log.push(`api ${method}`);
    return new Response('{}');
  };
  const api = serverApi({ connection: CONNECTION, clock, fetch: http.fetch });
  const job = new JobContext({
    job: { info, url: 'ws://lk.test', token: 'token-of-the-job', identity: 'agent', server: CONNECTION },
    clock,
    logger: recorder(lines),
    runtime,
    processData: new Map(),
    signal: controller.signal,
    api: () => api,
    loadRtc: async () => world.rtc,
    limitTracks: async (_, audience) => void audiences.push(audience),
    onPresence: (state) => presence.push(state),
    onShutdown: (reason) => log.push(`shutdown: ${reason}`),
    onHold: (promise) => {
      held.count++;
      promise.then(
        () => held.count--,
        (error: Error) => {
          held.count--;
          held.failures.push(error.message);
        },
      );
    },
    onReason: (reason) => {
      held.reason = reason;
    },
  });
  const settle = () => clock.settle({ turns: 8 });
  /** Runs what was begun and answers with its result. */
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await settle();
    return promise;
  };
  return { clock, world, http, lines, controller, log, audiences, presence, held, runtime, job, settle, settled };
}

/** One that says what it is told to and hears nothing. */
export function quietAgent(clock: VirtualClock): Agent {
  const user = new LoopbackUser({ clock });
  return new Agent({
    instructions: 'You answer.',
    vad: new ScriptedVad(),
    stt: new ScriptedStt(user.script),
    tts: new ScriptedTts(),
    llm: new ScriptedLlm({ clock, answers: {} }),
    turnDetector: null,
  });
}
