/** How many invocations of a workgroup fold what the others have, before all fold what those have: near the square root. */
export const gathersOf = (invocations: number): number =>
  Math.max(1, Math.min(invocations, 2 ** Math.round(Math.log2(invocations) / 2)));
