// A LiveKit server's agent endpoint as a script: reads what workers say, says what a test wants, over any socket.
import {
  AvailabilityRequest,
  type AvailabilityResponse,
  Job,
  JobAssignment,
  JobTermination,
  type RegisterWorkerRequest,
  RegisterWorkerResponse,
  Room,
  ServerInfo,
  ServerMessage,
  type UpdateJobStatus,
  type UpdateWorkerStatus,
  WorkerMessage,
  WorkerPong,
} from '@livekit/protocol';

export interface ServerScript {
  /** Answers registrations. Default true. */
  registers?: boolean;
  /** Answers pings. Default true. */
  pongs?: boolean;
  /** Assigns accepted jobs at once. Default true. */
  assigns?: boolean;
}

/** One worker's socket as the server sees it. */
export class ServerSide {
  readonly script: ServerScript;
  readonly said: WorkerMessage['message'][] = [];
  readonly #send: (bytes: Uint8Array) => void;
  #registered = 0;

  constructor(script: ServerScript, send: (bytes: Uint8Array) => void) {
    this.script = script;
    this.#send = send;
  }

  receive(bytes: Uint8Array): void {
    const { message } = WorkerMessage.fromBinary(bytes);
    this.said.push(message);
    if (message.case === 'register' && this.script.registers !== false) {
      this.say(
        'register',
        new RegisterWorkerResponse({
          workerId: `AW_${++this.#registered}`,
          serverInfo: new ServerInfo({ version: '1.13.5' }),
        }),
      );
    }
    if (message.case === 'ping' && this.script.pongs !== false) this.say('pong', new WorkerPong({}));
    if (message.case === 'availability' && message.value.available && this.script.assigns !== false) {
      this.assign(message.value.jobId);
    }
  }

  offer(jobId: string, job: Partial<Job> = {}): void {
    this.say('availability', new AvailabilityRequest({ job: jobOf(jobId, job) }));
  }

  assign(jobId: string, url?: string): void {
    const value = new JobAssignment({ job: jobOf(jobId), token: `token-of-${jobId}` });
    if (url !== undefined) value.url = url;
    this.say('assignment', value);
  }

  terminate(jobId: string): void {
    this.say('termination', new JobTermination({ jobId }));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  get registrations(): readonly RegisterWorkerRequest[] {
    return this.all('register') as RegisterWorkerRequest[];
  }

  get answers(): readonly AvailabilityResponse[] {
    return this.all('availability') as AvailabilityResponse[];
  }

  get loads(): readonly UpdateWorkerStatus[] {
    return this.all('updateWorker') as UpdateWorkerStatus[];
  }

  /** Status of each job as told, in order: `AJ_1 JS_RUNNING`. */
  get statuses(): readonly UpdateJobStatus[] {
    return this.all('updateJob') as UpdateJobStatus[];
  }

  all(name: string): unknown[] {
    return this.said.filter((message) => message.case === name).map((message) => message.value);
  }

  say<C extends NonNullable<ServerMessage['message']['case']>>(
    name: C,
    value: Extract<ServerMessage['message'], { case: C }>['value'],
  ): void {
    // The pair of name and value is checked by the signature.
    this.#send(new ServerMessage({ message: { case: name, value } as ServerMessage['message'] }).toBinary());
  }
}

function jobOf(jobId: string, job: Partial<Job> = {}): Job {
  return new Job({
    id: jobId,
    dispatchId: `AD_${jobId}`,
    room: new Room({ name: `room-of-${jobId}`, sid: 'RM_1' }),
    ...job,
  });
}
