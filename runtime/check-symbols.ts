// Whether the symbols of a call are what its plan is made for.
import { own } from "../base/own.ts";
import { brokenConstraint, type Plan, type PlanEntry, type PlanSymbol, type PlanSymbolValues } from "../base/plan.ts";
import { dimError } from "./errors.ts";

/**
 * @throws RuntimeError for a symbol of the entry point that is missing, or out of the plan's range, and for values that break one of
 * its constraints.
 */
export function checkSymbols({ name, symbols }: Plan, entry: PlanEntry, given: PlanSymbolValues): void {
  for (const s of symbols) if (entry.symbols.includes(s.name)) check(name, entry, s, own(given, s.name));
  const broken = brokenConstraint(entry.constraints, given);
  if (broken) throw dimError(`${name}.${entry.name}`, broken, "a call's symbols must keep within what they index");
}

function check(plan: string, entry: PlanEntry, symbol: PlanSymbol, value: number | undefined): void {
  const { name: s, min: least, max: most } = symbol;
  if (value !== undefined && Number.isInteger(value) && value >= least && value <= most) return;
  const place = `${plan}.${entry.name}`;
  if (value === undefined)
    throw dimError(place, `${s} is not given, but the plan's sizes depend on it`, `give \`{ ${s}: … }\``);
  if (value > most)
    throw dimError(
      place,
      `${s} is ${value}, but the plan is made for ${most} at most`,
      `compile it again with a larger ${s}, or run less at once`,
    );
  throw dimError(place, `${s} is ${value}, but it must be a whole number from ${least} on`);
}
