// A real browser for tests of what runs in one: the system's Chromium without a window, with WebGPU on its software
// adapter, SwiftShader, wherever it runs. Nothing is downloaded: where there is no Chromium, the tests are skipped.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser's program, or undefined on a machine without one. */
export const chromiumPath: string | undefined = (process.env["PATH"] ?? "")
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

/** Starts it, with a profile of its own that is removed when it is closed. */
export function openChromium(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error("there is no Chromium; the test should have been skipped");
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      // Root, as which CI runs, has no sandbox.
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
    ],
  });
}
