// Which target is tuned for an adapter, by what the adapter says of itself: the compiler looks its sizes up under that
// name, and the runtime tells who runs a plainer bundle.

/** What runs on any adapter, and is tuned for none. */
export const PLAIN_TARGET = "webgpu-default";

/** The name of the target that is tuned for an adapter, or of the plain one. */
export function adapterFamily({
  vendor,
  description,
}: {
  readonly vendor: string;
  readonly description: string;
}): string {
  const text = `${vendor} ${description}`.toLowerCase();
  if (/llvmpipe|lavapipe/.test(text)) return "dawn-lavapipe";
  if (text.includes("swiftshader")) return "dawn-swiftshader";
  return text.includes("nvidia") ? "dawn-nvidia" : PLAIN_TARGET;
}
