// What a kernel's author may get wrong about names, which only the finished WGSL can tell: it is put together from ops' helpers, a
// kernel's functions and its template, none of which knows the others. Nothing else is decided by what is found here.

/** A name that the module declares twice. */
export function declaredTwice(wgsl: string): string | undefined {
  const names = [...wgsl.matchAll(/^(?:@.*?\) )*(?:fn|const|alias|struct|var(?:<[^>]*>)?) (\w+)/gm)].map((m) => m[1]);
  return names.find((name, i) => names.indexOf(name) < i);
}

/** A member of the uniform `symbols` that the text reads, and that is none of `printed`: who wrote it down did not ask for it. */
export function strangeSymbol(wgsl: string, printed: ReadonlySet<string>): string | undefined {
  const code = wgsl.replaceAll(/\/\/.*$/gm, "");
  const read = [...code.matchAll(/\bsymbols\s*\.\s*(\w+)/g)].map(([, name = ""]) => name);
  return read.find((name) => !printed.has(name));
}

/** A function of those that the text declares and never calls. */
export function uncalledFunction(wgsl: string, declared: readonly string[]): string | undefined {
  const code = wgsl.replaceAll(/\/\/.*$/gm, "");
  return declared.find((name) => [...code.matchAll(new RegExp(`\\b${name}\\s*\\(`, "g"))].length < 2);
}
