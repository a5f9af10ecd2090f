// What every command that compiles without an adapter takes to say what for.
import { Option } from "commander";
import { PLAIN_TARGET } from "../base/index.ts";
import { TARGETS } from "../codegen/index.ts";

/** `--target h100` */
export const targetOption = (when = ""): Option =>
  new Option(
    "--target <id>",
    `${when}the machine that kernels are for, its limits and features: ${Object.keys(TARGETS).join(", ")}`,
  ).default(PLAIN_TARGET);
