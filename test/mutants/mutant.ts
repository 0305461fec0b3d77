/** One line of the product, deliberately wrong. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Has to stand in the file exactly once; text that is no longer found is an error. */
  readonly find: string;
  readonly put: string;
  /**
   * What has to notice: the simulation, which plays this seed first and then those after it; a case of it by
   * its name; or a test.
   */
  readonly by: { readonly seed: number } | { readonly case: string } | { readonly test: string };
}
