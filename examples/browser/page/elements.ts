// The page's elements by their id, each of the kind that index.html makes it.

type Kind<E extends Element> = abstract new () => E;

/** @throws Error where index.html and the scripts disagree. */
export function element<E extends Element = HTMLElement>(id: string, kind?: Kind<E>): E {
  const found = document.getElementById(id);
  if (found instanceof (kind ?? HTMLElement)) return found as unknown as E;
  throw new Error(`index.html: has no ${kind?.name ?? "element"} with the id ${id}`);
}

export const input = (id: string): HTMLInputElement => element(id, HTMLInputElement);
export const button = (id: string): HTMLButtonElement => element(id, HTMLButtonElement);

export function show(id: string, visible: boolean): void {
  element(id).hidden = !visible;
}

export function write(id: string, text: string): void {
  element(id).textContent = text;
}
