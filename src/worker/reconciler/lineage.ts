// Which dispatches stand for the same agent in a room: each one that replaces another says so in an attribute.
import type { ServerDispatch } from '../server/server-api.ts';

export interface Lineage {
  /** The dispatch that everything began with. */
  readonly root: string;
  /** 0 for the root, one more with each dispatch that replaces another. */
  readonly generation: number;
  /** Jobs that died shortly after one another, up to this dispatch. */
  readonly deaths: number;
  /** The room that was meant: one of the same name that was opened later is none of this agent's business. */
  readonly roomSid: string;
}

/** Attribute of the dispatches that a reconciler makes, and so of their jobs. */
export const REDISPATCH_ATTRIBUTE = 'livekitex.redispatch';

type Attributed = { readonly attributes: Readonly<Record<string, string>> };

/** Null for a dispatch that replaces no other; what is not readable counts as none. */
export function statedLineage({ attributes }: Attributed): Lineage | null {
  const text = attributes[REDISPATCH_ATTRIBUTE];
  if (text === undefined) return null;
  try {
    const { root, generation, deaths, roomSid } = JSON.parse(text) as Partial<Record<keyof Lineage, unknown>>; // checked below
    if (typeof root !== 'string' || typeof roomSid !== 'string') return null;
    if (!isCount(generation) || !isCount(deaths)) return null;
    return { root, generation, deaths, roomSid };
  } catch {
    return null;
  }
}

export function lineageOf(dispatch: Attributed & { readonly id: string }, roomSid: string): Lineage {
  return statedLineage(dispatch) ?? { root: dispatch.id, generation: 0, deaths: 0, roomSid };
}

/** The attributes of the dispatch that replaces `dispatch`. */
export function successorAttributes(
  dispatch: Attributed,
  { root, generation, deaths, roomSid }: Lineage,
): Attributed['attributes'] {
  const lineage: Lineage = { root, generation: generation + 1, deaths, roomSid };
  return { ...dispatch.attributes, [REDISPATCH_ATTRIBUTE]: JSON.stringify(lineage) };
}

/**
 * The one dispatch of a lineage that may have an agent. Everybody who asks the server comes to the same answer: the
 * latest generation, of which the server made the first.
 */
export function winnerOf(dispatches: readonly ServerDispatch[], root: string): ServerDispatch | undefined {
  const ranked = dispatches
    .map((dispatch) => ({ dispatch, ...lineageOf(dispatch, '') }))
    .filter((each) => each.root === root)
    .sort(
      (a, b) =>
        b.generation - a.generation ||
        a.dispatch.createdAtEpochMs - b.dispatch.createdAtEpochMs ||
        (a.dispatch.id < b.dispatch.id ? -1 : 1),
    );
  return ranked[0]?.dispatch;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
