// How what has to do with drivers says no. The error is base's: a process that loads a driver need not load the runtime.
import { WgptError } from "../../base/index.ts";

/** Something has to be installed. */
export const missing = (place: string, facts: string, hint: string): WgptError =>
  new WgptError("no-adapter", place, facts, { hint });

/** A driver refuses, crashes or hangs. */
export const driverFault = (place: string, facts: string, hint = ANOTHER_MESA): WgptError =>
  new WgptError("device", place, facts, { hint });

const ANOTHER_MESA = "this looks like a fault of the driver: try another version of Mesa";
