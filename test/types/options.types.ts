// An interface of options and its rules are written side by side: they compile only while they fit each other.
import { expectTypeOf } from 'vitest';
import { fieldsOf, textOfLength, trueOrFalse } from '../../src/options.ts';

interface Options {
  readonly name: string;
  /** Default false. */
  readonly loud?: boolean;
}

const rules = fieldsOf<Options>()({ name: textOfLength(1, 9), loud: trueOrFalse().default(false) });
expectTypeOf(rules.read({})).toEqualTypeOf<{ readonly name: string; readonly loud: boolean }>();

// @ts-expect-error a rule for `loud` is missing: it would be refused at run time
fieldsOf<Options>()({ name: textOfLength(1, 9) });

// @ts-expect-error there is no option `quiet`
fieldsOf<Options>()({ name: textOfLength(1, 9), loud: trueOrFalse().optional(), quiet: trueOrFalse() });

// @ts-expect-error `loud` may be left out, which its rule would refuse
fieldsOf<Options>()({ name: textOfLength(1, 9), loud: trueOrFalse() });

// @ts-expect-error a name is text
fieldsOf<Options>()({ name: trueOrFalse(), loud: trueOrFalse().optional() });
