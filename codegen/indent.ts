// WGSL as people read it.

/** The text one level deeper; empty lines stay empty. */
export const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ");
