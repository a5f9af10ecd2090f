// The host's own objects in this package's signatures, such as URL and WebGPU's. A program has their types from TypeScript's DOM
// library, from @types/node or from @webgpu/types, and no two of these go well together; so the declarations that we ship
// name none of them and take what the program knows. Within this package that is @webgpu/types.

/** The type of the instances of the global class `Name`; `Otherwise` in a program that does not know that class. */
export type Known<Name extends string, Otherwise> =
  typeof globalThis extends Readonly<Record<Name, { readonly prototype: infer Instance }>> ? Instance : Otherwise;

/** Where something lies: an address, as a `URL` or its text; on Node also a path. */
export type Address = string | Known<"URL", { readonly href: string }>;
