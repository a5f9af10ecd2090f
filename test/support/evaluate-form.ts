// A form as reports print it, evaluated: `pages[sequence[i], j div 2] − j + 1`.

/** What stands for a name, and for an element of a tensor. */
export interface FormValues {
  name(name: string): number;
  element(tensor: string, place: readonly number[]): number;
}

/** The number that a printed form is. */
export function evaluateForm(text: string, values: FormValues): number {
  const tokens = text.match(/[A-Za-z_][\w.']*|\d+|[-−+·()[\],]/g) ?? [];
  let next = 0;
  const take = (token: string): boolean => {
    if (tokens[next] !== token) return false;
    next++;
    return true;
  };
  const expect = (token: string): void => {
    if (!take(token)) throw new Error(`${text}: ${token} is missing before ${tokens.slice(next).join(" ")}`);
  };
  const factor = (): number => {
    const token = tokens[next++] ?? "";
    if (/^\d+$/.test(token)) return Number(token);
    if (token === "(") {
      const inner = sum();
      expect(")");
      return inner;
    }
    if (token === "f32" && take("(")) {
      const inner = sum();
      expect(")");
      return Math.fround(inner);
    }
    if (!take("[")) return values.name(token);
    const place: number[] = [];
    while (!take("]")) {
      place.push(sum());
      take(",");
    }
    return values.element(token, place);
  };
  const term = (): number => {
    const sign = take("-") ? -1 : 1;
    let product = factor();
    while (take("·")) product *= factor();
    return sign * product;
  };
  const sum = (): number => {
    let total = term();
    for (;;) {
      if (take("+")) total += term();
      else if (take("−")) total -= term();
      else if (take("div")) total = Math.floor(total / factor());
      else return total;
    }
  };
  const total = sum();
  if (next < tokens.length) throw new Error(`${text}: ${tokens.slice(next).join(" ")} is left`);
  return total;
}

/** The tensors that a printed form reads. */
export const tensorsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/([A-Za-z_][\w.']*)\[/g)].map(([, name = ""]) => name)),
];
