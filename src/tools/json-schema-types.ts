// The TypeScript type of the values a literal JSON Schema describes, for the usual keywords; anything else is JSON.
import type { JsonValue } from '../json.ts';

/** `{ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }` gives `{ city: string }`. */
export type FromJsonSchema<S> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly type: 'object' }
      ? FromObject<S>
      : S extends { readonly type: 'array' }
        ? S extends { readonly items: infer Item }
          ? readonly FromJsonSchema<Item>[]
          : readonly JsonValue[]
        : S extends { readonly type: infer Name extends keyof Primitives }
          ? Primitives[Name]
          : JsonValue;

interface Primitives {
  readonly string: string;
  readonly number: number;
  readonly integer: number;
  readonly boolean: boolean;
  readonly null: null;
}

type FromObject<S> = S extends { readonly properties: infer P }
  ? string extends keyof P
    ? { readonly [key: string]: JsonValue }
    : Flat<
        { readonly [K in keyof P as K extends Present<S, P> ? K : never]: FromJsonSchema<P[K]> } & {
          readonly [K in keyof P as K extends Present<S, P> ? never : K]?: FromJsonSchema<P[K]>;
        }
      >
  : { readonly [key: string]: JsonValue };

/** Required keys and keys with a default, which is filled in before the tool is called. */
type Present<S, P> =
  | RequiredKey<S>
  | { [K in keyof P]: P[K] extends { readonly default: unknown } ? K : never }[keyof P];

type RequiredKey<S> = S extends { readonly required: readonly (infer Key)[] } ? Key : never;

type Flat<T> = { [K in keyof T]: T[K] };
