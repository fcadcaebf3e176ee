// A session of which only the events, the history and the calls are real.
import type { SessionEventMap, SessionEventName, SessionState, UserState } from '../../../src/events.ts';

export interface FakeItem {
  readonly id: string;
  readonly type: 'user' | 'assistant' | 'toolCall' | 'toolOutput' | 'agentHandoff';
  readonly turn: number;
  readonly createdAtMs: number;
  readonly text?: string;
  readonly interrupted?: boolean;
  readonly callId?: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly output?: string;
  readonly isError?: boolean;
  readonly fromAgentId?: string;
  readonly toAgentId?: string;
}

export class ObservedFake {
  readonly sessionId = 's';
  state: SessionState = 'connecting';
  userState: UserState = 'listening';
  readonly agent = {
    agentId: 'agent_1',
    instructions: 'Be brief.',
    llm: undefined as { readonly label: string } | undefined,
    tools: { list: () => [{ name: 'weather' }] },
    updateInstructions: (instructions: string) => this.#call('updateInstructions', instructions),
  };
  usage = { modelCalls: 0, inputTokens: 0, outputTokens: 0 };
  history: FakeItem[] = [];
  readonly calls: unknown[][] = [];
  /** What the next call throws. */
  fault: unknown;
  /** Settles the reply that was asked for last. */
  settleReply: () => void = () => {};
  readonly #listeners = new Set<(name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown>();

  onAny(listener: (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit<N extends SessionEventName>(name: N, event: Omit<SessionEventMap[N], 'sessionId'>): void {
    const told = { sessionId: this.sessionId, ...event } as SessionEventMap[N]; // the missing field is added here
    for (const listener of [...this.#listeners]) listener(name, told);
  }

  enter(toState: SessionState): void {
    const fromState = this.state;
    this.state = toState;
    this.emit('state_changed', { fromState, toState });
  }

  get isObserved(): boolean {
    return this.#listeners.size > 0;
  }

  say(text: string, options: object) {
    return this.#ask('say', text, options);
  }

  generateReply(options: object) {
    return this.#ask('generateReply', options);
  }

  sendText(text: string) {
    return this.#ask('sendText', text);
  }

  interrupt(): void {
    this.#call('interrupt');
  }

  commitTurn(): void {
    this.#call('commitTurn');
  }

  clearTurn(): void {
    this.#call('clearTurn');
  }

  async close(reason: string): Promise<unknown> {
    this.#call('close', reason);
    return undefined;
  }

  #ask(...call: unknown[]) {
    this.#call(...call);
    let settle = () => {};
    const done = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.settleReply = settle;
    return Object.assign(done, { id: `speech_${this.calls.length}` });
  }

  #call(...call: unknown[]): void {
    this.calls.push(call);
    if (this.fault !== undefined) throw this.fault;
  }
}
