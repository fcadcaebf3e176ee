// What a deliberate fault is, and which tests have to notice it.

export interface Mutant {
  readonly name: string;
  /** File below the folder of its table. */
  readonly file: string;
  /** Text that occurs exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface MutantTable {
  /** Folder of the sources. */
  readonly folder: string;
  /** Folders or files of tests, one of which has to fail for each fault. */
  readonly tests: readonly string[];
  readonly mutants: readonly Mutant[];
}
