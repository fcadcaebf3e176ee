// JSON as a type.

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON Schema document (draft 2020-12 or draft-07). */
export type JsonSchema = { readonly [key: string]: JsonValue };
