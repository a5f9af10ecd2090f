// The largest values of a graph's symbols, as the user gives them.
import { InvalidArgumentError, Option } from "commander";
import { own, type SymbolValues } from "../base/index.ts";

/** `--max T=128` */
export const maxOption = (): Option =>
  new Option(
    "--max <symbol=n>",
    "the largest value of a symbol of a file of graphs; once for each, such as T=128",
  ).argParser((text: string, before: SymbolValues = {}): SymbolValues => {
    const [, name, digits] = /^([A-Za-z]\w*)=(\d+)$/.exec(text) ?? [];
    const value = Number(digits);
    if (name === undefined || !Number.isSafeInteger(value))
      throw new InvalidArgumentError("It must be a symbol and a whole number, such as T=128.");
    const other = own(before, name);
    if (other !== undefined && other !== value)
      throw new InvalidArgumentError(`${name} is given twice: ${other} and ${value}.`);
    return { ...before, [name]: value };
  });
