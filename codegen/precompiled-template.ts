// What stands in templates.ts, and in the file of a plugin that does without `eval`.

/** What `precompileTemplate` makes of a template's text. */
export interface PrecompiledTemplate {
  /** The parameters that the text reads. */
  readonly reads: readonly string[];
  /** Handlebars' own form: an object with functions. */
  readonly spec: object;
}
