// What an adapter says of itself, and which described machine is nearest to it: the compiler looks its target up under that id,
// and the runtime tells who runs a plainer bundle.

/** What a user should know about the adapter in use. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** What the driver calls the device, where the description is about something else, such as the driver. */
  readonly device?: string;
  /** Runs on the CPU: figures from it say nothing about a GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** What runs on any adapter: a modest GPU. */
export const PLAIN_TARGET = "webgpu-default";

type Named = Pick<AdapterReport, "vendor" | "architecture" | "description" | "device">;

/**
 * The id of the described machine that is most like an adapter, by what it says of itself; the plain one's where that tells
 * nothing. A browser tells vendor and architecture alone, which is no more than a class.
 */
export function nearestMachine({ vendor, architecture, description, device = "" }: Named): string {
  // Dawn writes a device as `nvidia-geforce-rtx-4060`, and drivers as `AMD Radeon(TM) 780M`.
  const text = [vendor, architecture, device, description]
    .join(" ")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ");
  if (/llvmpipe|lavapipe|^mesa software\b/.test(text)) return "lavapipe";
  if (text.includes("swiftshader")) return "swiftshader";
  if (/\bnvidia\b|\bgeforce\b/.test(text)) return nearestNvidia(text);
  if (/\bamd\b|\bradeon\b/.test(text)) return nearestAmd(text);
  if (/\bapple\b/.test(text)) return "apple-m2";
  if (/\bintel\b/.test(text)) return nearestIntel(text);
  return PLAIN_TARGET;
}

function nearestNvidia(text: string): string {
  // Memory on the chip's carrier.
  if (/\b(a[18]00|g?h[128]00|h20|g?b[123]00|hopper)\b/.test(text)) return "h100";
  // 60 SMs and more: cards of servers and workstations, then people's.
  if (/\b(a[134]0g?|v100|l40s?|titan|rtx a[56]\d{3}|rtx (pro )?[56]000|rtx [345]0[89]0)\b/.test(text)) return "a10";
  return "rtx-4060";
}

function nearestAmd(text: string): string {
  if (/\bcdna|\binstinct\b|\bmi\d{2,3}[ax]?\b|\bgfx9(08|0a|4\d|50)\b/.test(text)) return "mi200";
  // A processor's own GPU has a card's architecture, but another name.
  if (/\bradeon (tm )?(graphics|vega|\d{3,4}[ms])\b|\bcustom gpu\b/.test(text)) return PLAIN_TARGET;
  return /\brdna [234]|\brx [679]\d{3}|\bnavi[234]/.test(text) ? "rx-7900-xtx" : PLAIN_TARGET;
}

/** Cards are of Xe-HPG or Xe2-HPG; a processor's own GPU is a fraction of one. */
function nearestIntel(text: string): string {
  return /\b(gen 12hp|xe 2hpg|arc (tm )?(pro )?[ab]\d{2,3})\b/.test(text) ? "intel-arc-a770" : PLAIN_TARGET;
}
