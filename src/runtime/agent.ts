// What an agent is: instructions, tools and providers, and the life that says which calls are allowed.
import { initialTransition, transition } from 'xstate';
import { AgentError } from '../errors.ts';
import type { Ids } from '../ids.ts';
import { randomIds } from '../ids.ts';
import { type AgentLifeEvent, agentMachine } from '../machines/agent.machine.ts';
import { fieldsOf, hasMethod, having, type OptionsOf, parseOptions, textOfLength } from '../options.ts';
import type { ChatTool, Llm } from '../providers/llm.ts';
import type { Stt } from '../providers/stt.ts';
import type { Tts } from '../providers/tts.ts';
import type { TurnDetector } from '../providers/turn-detector.ts';
import type { Vad } from '../providers/vad.ts';
import { type Tool, ToolRegistry } from '../tools/index.ts';
import type { AgentSession } from './agent-session.ts';
import type { Runtime } from './create-runtime.ts';
import type { SessionStartOptions } from './runtime-options.ts';

export type AgentState = 'created' | 'configured' | 'active' | 'inactive' | 'destroyed';

export interface AgentOptions {
  /** Name in logs and events. Default: made by the library. */
  readonly agentId?: string;
  /** What the model is told about its role. May be empty. */
  readonly instructions?: string;
  readonly tools?: readonly Tool[] | ToolRegistry;
  /** Providers of this agent. Default: those of the runtime. */
  readonly llm?: Llm;
  readonly stt?: Stt;
  readonly tts?: Tts;
  readonly vad?: Vad;
  /** `null` turns the detector of the runtime off. */
  readonly turnDetector?: TurnDetector | null;
}

const provider = <T>(method: string) =>
  having<T>(hasMethod(method), `must be an object with a method \`${method}\``).optional();

const instructionsRule = textOfLength(0, 100_000);

const schema = fieldsOf<AgentOptions>()({
  agentId: textOfLength(1, 200).optional(),
  instructions: instructionsRule.default(''),
  tools: having<readonly Tool[] | ToolRegistry>(
    (value) => Array.isArray(value) || value instanceof ToolRegistry,
    'must be an array of tools or a ToolRegistry',
  ).optional(),
  llm: provider<Llm>('chat'),
  stt: provider<Stt>('open'),
  tts: provider<Tts>('open'),
  vad: provider<Vad>('open'),
  turnDetector: having<TurnDetector | null>(
    (value) => value === null || hasMethod('predict')(value),
    'must be null or an object with a method `predict`',
  ).optional(),
});

/** The states in which `agentMachine` allows a call. */
const ALLOWED = {
  configure: 'must be created',
  startSession: 'must be configured, active or inactive',
  stopSession: 'must be active',
  restart: 'must be inactive',
  destroy: 'must not be destroyed',
} as const;

/**
 * What answers in a call: instructions, tools, and providers where it brings its own. One agent serves any number of
 * sessions, at the same time and one after the other; what is changed here holds for all of them.
 */
export class Agent {
  #snapshot = initialTransition(agentMachine)[0];
  #options: OptionsOf<typeof schema> = schema.read({});
  #agentId: string;
  #instructions = '';
  #tools = new ToolRegistry();
  readonly #sessions = new Set<AgentSession>();

  /**
   * With options the agent is configured at once; without, call `configure` first.
   * @throws AgentError `ERR_OPTION`, `ERR_TOOL_DEFINITION`
   */
  constructor(options?: AgentOptions, ids: Ids = randomIds) {
    this.#agentId = ids.next('agent');
    if (options !== undefined) this.configure(options);
  }

  get agentId(): string {
    return this.#agentId;
  }

  get state(): AgentState {
    return this.#snapshot.value as AgentState; // the chart is flat
  }

  get instructions(): string {
    return this.#instructions;
  }

  get tools(): ToolRegistry {
    return this.#tools;
  }

  get llm(): Llm | undefined {
    return this.#options.llm;
  }

  /** Providers of its own, where it has some. */
  get providers(): Pick<AgentOptions, 'llm' | 'stt' | 'tts' | 'vad' | 'turnDetector'> {
    const { llm, stt, tts, vad, turnDetector } = this.#options;
    return {
      ...(llm && { llm }),
      ...(stt && { stt }),
      ...(tts && { tts }),
      ...(vad && { vad }),
      ...(turnDetector !== undefined && { turnDetector }),
    };
  }

  /** Sessions that use the agent now. */
  get sessions(): readonly AgentSession[] {
    return [...this.#sessions];
  }

  /** What the model is told about the tools. */
  chatTools(): readonly ChatTool[] {
    return this.#tools.list().map(({ name, description, parameters }) => ({ name, description, parameters }));
  }

  /**
   * Once, for an agent that was made without options.
   * @throws AgentError `ERR_OPTION`, `ERR_TOOL_DEFINITION`; `ERR_AGENT_STATE` unless it is created
   */
  configure(options: AgentOptions): this {
    const parsed = parseOptions(schema, options, 'agent');
    const tools = parsed.tools instanceof ToolRegistry ? parsed.tools : new ToolRegistry();
    if (Array.isArray(parsed.tools)) tools.registerAll(parsed.tools);
    this.#step({ type: 'agent.configure' }, 'configure');
    this.#options = parsed;
    this.#agentId = parsed.agentId ?? this.#agentId;
    this.#instructions = parsed.instructions;
    this.#tools = tools;
    return this;
  }

  /**
   * Opens a session on `runtime` and waits until it is usable.
   * @throws AgentError as {@link AgentSession.start} does; `ERR_AGENT_STATE` unless it is configured, active or inactive
   */
  async startSession(runtime: Runtime, options: Omit<SessionStartOptions, 'agent'>): Promise<AgentSession> {
    return runtime.startSession({ ...options, agent: this });
  }

  /** Closes one session of this agent, or all of them. */
  async stopSession(session?: AgentSession, reason = 'stopped by the agent'): Promise<void> {
    const sessions = session === undefined ? this.sessions : [session];
    await Promise.all(sessions.map((each) => each.close(reason)));
  }

  /**
   * A new session of an agent that was stopped; its configuration and tools were kept.
   * @throws AgentError as {@link AgentSession.start} does; `ERR_AGENT_STATE` unless it is inactive
   */
  async restart(runtime: Runtime, options: Omit<SessionStartOptions, 'agent'>): Promise<AgentSession> {
    if (this.state !== 'inactive') throw this.#refusal('restart');
    return runtime.startSession({ ...options, agent: this });
  }

  /** Closes its sessions and forgets its configuration. Cannot be undone. Idempotent. */
  async destroy(): Promise<void> {
    if (this.state === 'destroyed') return;
    const sessions = this.sessions;
    this.#step({ type: 'agent.destroy' }, 'destroy');
    await Promise.all(sessions.map((session) => session.close('agent destroyed')));
    this.#options = schema.read({});
    this.#tools = new ToolRegistry();
  }

  /**
   * Holds from the next model request of every session on.
   * @throws AgentError `ERR_OPTION` unless it is a text of at most 100 000 characters
   */
  updateInstructions(instructions: string): void {
    this.#instructions = parseOptions(instructionsRule, instructions, 'instructions');
  }

  /** @throws AgentError `ERR_TOOL_DEFINITION` when the name is taken */
  addTool(tool: Tool): void {
    this.#tools.register(tool);
  }

  /** Returns whether there was such a tool. */
  removeTool(name: string): boolean {
    return this.#tools.unregister(name);
  }

  /** @internal Called by the runtime. */
  attach(session: AgentSession): void {
    this.#step({ type: this.state === 'inactive' ? 'agent.restart' : 'agent.startSession' }, 'startSession');
    this.#sessions.add(session);
  }

  /** @internal Called by the runtime when a session is over, for whatever reason. */
  detach(session: AgentSession): void {
    if (!this.#sessions.delete(session) || this.state === 'destroyed') return;
    this.#step({ type: 'agent.stopSession' }, 'stopSession');
  }

  #step(event: AgentLifeEvent, call: keyof typeof ALLOWED): void {
    if (!this.#snapshot.can(event)) throw this.#refusal(call);
    this.#snapshot = transition(agentMachine, this.#snapshot, event)[0];
  }

  #refusal(call: keyof typeof ALLOWED): AgentError {
    const fixes: Partial<Record<AgentState, string>> = {
      created: 'Call configure first',
      destroyed: 'Create a new Agent',
    };
    const fix = fixes[this.state];
    return new AgentError('ERR_AGENT_STATE', `${call} is not allowed while the agent is ${this.state}`, {
      field: 'agent',
      rule: ALLOWED[call],
      ...(fix !== undefined && { fix }),
    });
  }
}
