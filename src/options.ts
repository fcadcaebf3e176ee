// Option rules shared by every edge: one small checker, one coded error that names field, rule and fix.
import { AgentError, type ErrorCode } from './errors.ts';

/** What a checker answers; zod schemas answer in the same shape, so both can be given to {@link parseOptions}. */
export type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | {
      readonly success: false;
      readonly error: {
        readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
      };
    };

export interface OptionParser<T> {
  safeParse(value: unknown): Parsed<T>;
}

/**
 * Parses `value` with `schema`. The first issue becomes an {@link AgentError} that names the field and the rule.
 * @throws AgentError `ERR_OPTION` (or `code`)
 */
export function parseOptions<T>(
  schema: OptionParser<T>,
  value: unknown,
  where: string,
  code: ErrorCode = 'ERR_OPTION',
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw new AgentError(code, `${where} is not valid`, {
    field: path === '' ? where : path,
    rule: issue?.message ?? 'does not fit its schema',
    fix: `Correct \`${path === '' ? where : path}\``,
    cause: result.error,
  });
}

/** Runs `make`; an option that is wrong is told by the name under which it was given: `names` by field. */
export function namedAs<T>(names: Readonly<Record<string, string>>, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const { code, field = '', rule } = error;
    const name = names[field];
    if (name === undefined) throw error;
    const detail = { field: name, fix: `Correct ${name}`, cause: error };
    throw new AgentError(code, 'is not valid', { ...detail, ...(rule !== undefined && { rule }) });
  }
}

class BrokenRule extends Error {
  readonly path: readonly PropertyKey[];

  constructor(message: string, path: readonly PropertyKey[] = []) {
    super(message);
    this.path = path;
  }
}

/**
 * Checks one value. Our own, because a schema library costs more than half of the time in which the package may be
 * imported; tools and adapters still take its schemas.
 */
export class OptionRule<Out, In = Out> implements OptionParser<Out> {
  /** Only a type: what may be given. */
  declare readonly given: In;
  /** Returns what is used, or throws a BrokenRule. */
  readonly read: (value: unknown) => Out;

  constructor(read: (value: unknown) => Out) {
    this.read = read;
  }

  safeParse(value: unknown): Parsed<Out> {
    try {
      return { success: true, data: this.read(value) };
    } catch (error) {
      // Anything else was thrown by a getter of the value itself.
      const { message, path } = error instanceof BrokenRule ? error : { message: 'must be readable', path: [] };
      return { success: false, error: { issues: [{ path, message }] } };
    }
  }

  optional(): OptionRule<Out | undefined, In | undefined> {
    return new OptionRule((value) => (value === undefined ? undefined : this.read(value)));
  }

  /** A further rule for what was read. */
  and(isFit: (value: Out) => boolean, rule: string): OptionRule<Out, In> {
    return new OptionRule((given) => {
      const value = this.read(given);
      if (!isFit(value)) throw new BrokenRule(rule);
      return value;
    });
  }

  /** What is used when nothing is given. */
  default(value: Out): OptionRule<Out, In | undefined> {
    return new OptionRule((given) => (given === undefined ? value : this.read(given)));
  }
}

export type OptionsOf<R> = R extends OptionRule<infer Out, unknown> ? Out : never;
export type GivenOptionsOf<R> = R extends { readonly given: infer In } ? In : never;

/** A value that passes `isFit`. */
export function having<T>(isFit: (value: unknown) => boolean, rule: string): OptionRule<T> {
  return new OptionRule((value) => {
    if (!isFit(value)) throw new BrokenRule(rule);
    return value as T; // isFit says so
  });
}

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
export const isFunction = (value: unknown): value is () => unknown => typeof value === 'function';
export const hasMethod = (method: string) => (value: unknown) =>
  isObject(value) && isFunction((value as Record<string, unknown>)[method]);

export function numberFrom(min: number, max: number, rule: string): OptionRule<number> {
  return having((value) => typeof value === 'number' && value >= min && value <= max, rule);
}

export function wholeNumberFrom(min: number, max: number, rule: string): OptionRule<number> {
  return having((value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max, rule);
}

export function trueOrFalse(): OptionRule<boolean> {
  return having((value) => typeof value === 'boolean', 'must be a boolean');
}

/** Text of `min` to `max` characters. */
export function textOfLength(min: number, max: number): OptionRule<string> {
  return new OptionRule((value) => {
    if (typeof value !== 'string') throw new BrokenRule('must be a string');
    if (value.length < min)
      throw new BrokenRule(min === 1 ? 'must not be empty' : `must have at least ${min} characters`);
    if (value.length > max) throw new BrokenRule(`must have at most ${max} characters`);
    return value;
  });
}

export function textLike(pattern: RegExp, rule: string): OptionRule<string> {
  return having((value) => typeof value === 'string' && pattern.test(value), rule);
}

export function listOf<T>(item: OptionRule<T>): OptionRule<T[], readonly T[]> {
  return new OptionRule((value) => {
    if (!Array.isArray(value)) throw new BrokenRule('must be an array');
    return value.map((each, index) => at(index, () => item.read(each)));
  });
}

type Fields = Readonly<Record<string, OptionRule<unknown, unknown>>>;
type Read<F extends Fields> = { readonly [K in keyof F]: OptionsOf<F[K]> };
type Given<F extends Fields> = {
  readonly [K in keyof F as undefined extends F[K]['given'] ? K : never]?: F[K]['given'];
} & { readonly [K in keyof F as undefined extends F[K]['given'] ? never : K]: F[K]['given'] };

/** An object with these fields and no others. */
export function fields<F extends Fields>(rules: F): OptionRule<Read<F>, Given<F>> {
  return new OptionRule((value) => {
    if (!isObject(value) || Array.isArray(value)) throw new BrokenRule('must be an object');
    for (const key of Object.keys(value))
      if (!Object.hasOwn(rules, key))
        throw new BrokenRule(`is not an option; there are ${Object.keys(rules).join(', ')}`, [key]);
    const given = value as Readonly<Record<string, unknown>>; // an object, checked above
    const read: Record<string, unknown> = {};
    for (const [key, rule] of Object.entries(rules)) {
      const result = at(key, () => rule.read(given[key]));
      if (result !== undefined) read[key] = result;
    }
    return read as Read<F>; // one entry for each rule
  });
}

/**
 * {@link fields} for a documented interface: compiles only with a rule for each field of `I`, for no other, and each
 * taking all that the interface lets be given. `fieldsOf<I>()({ ... })`, because `I` is named and the rules are inferred.
 */
export function fieldsOf<I extends object>() {
  return <F extends Fields & RulesOf<I>>(rules: F & FitRules<I, F>): OptionRule<Read<F>, Given<F>> => fields<F>(rules);
}

type RulesOf<I> = { readonly [K in keyof I]-?: OptionRule<unknown, unknown> };
type FitRules<I, F extends Fields> = {
  readonly [K in keyof F]: K extends keyof I ? (I[K] extends F[K]['given'] ? F[K] : never) : never;
};

/** A group of options that may be left out as a whole. */
export function group<R extends OptionRule<unknown, unknown>>(
  rule: R,
): OptionRule<OptionsOf<R>, R['given'] | undefined> {
  return new OptionRule((value) => rule.read(value ?? {}) as OptionsOf<R>); // what `rule` reads
}

/** Milliseconds from `min` to `max`; `fallback` when nothing is given. */
export function milliseconds(min: number, max: number, fallback: number): OptionRule<number, number | undefined> {
  return numberFrom(min, max, `must be a number of milliseconds from ${min} to ${max}`).default(fallback);
}

function at<T>(key: PropertyKey, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BrokenRule) throw new BrokenRule(error.message, [key, ...error.path]);
    throw error;
  }
}
