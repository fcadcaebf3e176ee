// What the host and the user asked to be said or answered: queued in the ledger, each with a handle that tells its fate.
import { SpeechHandle, type SpeechResult } from '../speech-handle.ts';
import type { ReplyRequest } from './ledger.ts';
import type { SessionScope } from './session-scope.ts';
import { checkText } from './text-input.ts';

export class ReplyRequests {
  readonly #scope: SessionScope;
  readonly #handles = new Map<string, SpeechHandle>();

  constructor(scope: SessionScope) {
    this.#scope = scope;
  }

  /** Ledger first, then the event. */
  add(asked: Pick<ReplyRequest, 'kind' | 'text' | 'instructions' | 'allowInterruptions'>): SpeechHandle {
    const id = this.#scope.ids.next('speech');
    const handle = new SpeechHandle(id, (requestId) => this.#withdraw(requestId));
    this.#handles.set(id, handle);
    this.#scope.ledger.queueRequest({ id, ...asked });
    this.#scope.tell({ type: asked.kind === 'text' ? 'text.received' : 'reply.requested' });
    return handle;
  }

  /** Text that the user typed on the other side of the transport; bad text is told and refused. */
  receive(given: unknown): void {
    try {
      this.add({ kind: 'text', text: checkText(given), instructions: undefined, allowInterruptions: true });
    } catch (error) {
      this.#scope.problem('transport', error);
    }
  }

  settle(ids: readonly string[], result: SpeechResult): void {
    for (const id of ids) {
      this.#handles.get(id)?.settle(result);
      this.#handles.delete(id);
    }
  }

  /** The session is over. */
  abandon(): void {
    this.settle([...this.#handles.keys()], { outcome: 'abandoned', turn: null });
  }

  #withdraw(requestId: string): void {
    const { ledger } = this.#scope;
    if (ledger.withdrawRequest(requestId)) this.settle([requestId], { outcome: 'interrupted', turn: null });
    else if (ledger.turn?.requestIds.includes(requestId) === true) this.#scope.tell({ type: 'turn.interrupt' });
  }
}
