// Dawn writes to stderr, from C++, that it lowered two limits nobody here asks for; it does so on Mesa drivers and has
// no switch for it. While `action` runs, file descriptor 2 is /dev/null, so that a command's stderr holds our lines alone.
// Node can't duplicate a descriptor, and one that is opened again by its path has a position of its own (files) or can't be
// (sockets, which is what Node's own pipes are). So the C library does it, through koffi. Where that optional package is
// not installed, the warnings stay.
import { closeSync, openSync } from "node:fs";

/** Runs `action`, which must do its noisy work before it first waits. Only on Linux; elsewhere Dawn does not warn. */
export async function withoutDawnWarnings<X>(action: () => X): Promise<Awaited<X>> {
  const libc = process.platform === "linux" ? await loadLibc() : undefined;
  return await (libc ? withStderrNowhere(libc, action) : action());
}

function withStderrNowhere<X>({ dup, dup2 }: Libc, action: () => X): X {
  const nowhere = openSync("/dev/null", "w");
  // The same open file as before, position and all, whatever it is: nothing is lost but what is written meanwhile.
  const saved = dup(2);
  if (saved >= 0) dup2(nowhere, 2);
  closeSync(nowhere);
  try {
    return action();
  } finally {
    if (saved >= 0) {
      dup2(saved, 2);
      closeSync(saved);
    }
  }
}

interface Libc {
  dup(descriptor: number): number;
  dup2(from: number, to: number): number;
}

async function loadLibc(): Promise<Libc | undefined> {
  try {
    const { default: koffi } = await import("koffi");
    const libc = koffi.load("libc.so.6");
    return { dup: libc.func("int dup(int)"), dup2: libc.func("int dup2(int, int)") };
  } catch {
    return undefined;
  }
}
