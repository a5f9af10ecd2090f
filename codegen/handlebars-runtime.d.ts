// What the package's own types leave out: the half of Handlebars that runs precompiled templates, and compiles nothing.
declare module "handlebars/runtime.js" {
  /** An environment with helpers and partials of its own. */
  interface Environment {
    create(): Environment;
    registerHelper(name: string, helper: (...args: unknown[]) => unknown): void;
    registerPartial(name: string, partial: (context: object) => string): void;
    template(spec: object): (context: object) => string;
  }
  const runtime: Environment;
  export default runtime;
}
