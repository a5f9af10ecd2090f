// What an adapter says of itself, and which target is tuned for it: the compiler looks its sizes up under that name, and the
// runtime tells who runs a plainer bundle.

/** What a user should know about the adapter in use. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Runs on the CPU: figures from it say nothing about a GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** What runs on any adapter, and is tuned for none. */
export const PLAIN_TARGET = "webgpu-default";

/** The name of the target that is tuned for an adapter, or of the plain one. */
export function adapterFamily({ vendor, description }: Pick<AdapterReport, "vendor" | "description">): string {
  const text = `${vendor} ${description}`.toLowerCase();
  if (/llvmpipe|lavapipe/.test(text)) return "dawn-lavapipe";
  if (text.includes("swiftshader")) return "dawn-swiftshader";
  return text.includes("nvidia") ? "dawn-nvidia" : PLAIN_TARGET;
}
