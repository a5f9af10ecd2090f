// A device of one's own, and another one in its place when it is lost, as often as that helps.
import type { OpenDevice } from "./device.ts";
import { isLoss, lostError, RuntimeError } from "./errors.ts";
import { closedError } from "./turns.ts";

/** After so many losses, with nothing computed between them, nobody opens another device. */
const MOST_LOSSES = 3;

/**
 * A device that is opened when it is first wanted, closed with its owner, and replaced when it is lost: a model that is loaded on one
 * goes on after a loss. After three losses in a row, with nothing computed between them, it says so instead.
 */
export class ReplaceableDevice {
  readonly #open: () => Promise<OpenDevice>;
  readonly #onLoss: (loss: RuntimeError) => void;
  #device: OpenDevice | undefined;
  #opening: Promise<OpenDevice> | undefined;
  #losses = 0;
  /** The last loss, in words. */
  #why: string | undefined;
  /** What is said when nobody tries any more. */
  #end: RuntimeError | undefined;

  /** `open` opens a device, another one where the one before is lost; `onLoss` hears of each loss that is made good. */
  constructor(open: () => Promise<OpenDevice>, onLoss: (loss: RuntimeError) => void = () => undefined) {
    this.#open = open;
    this.#onLoss = onLoss;
  }

  /**
   * The device, opened now where there is none. It may be lost, and nobody have said so yet.
   * @throws RuntimeError when none can be opened, too many were lost, or this is closed.
   */
  async current(): Promise<OpenDevice> {
    if (this.#end) throw this.#end;
    if (this.#device) return this.#device;
    this.#opening ??= this.#openOne().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * What `load` makes on the device; on another one where that is lost meanwhile.
   * @throws RuntimeError with the code `device-lost` after three losses in a row, and what `load` throws else.
   */
  async load<T>(load: (open: OpenDevice) => Promise<T>): Promise<T> {
    for (;;) {
      const open = await this.current();
      try {
        return await load(open);
      } catch (error) {
        if (!isLoss(error)) throw error;
        this.lose(open, error);
      }
    }
  }

  /**
   * Takes note of a loss, so that `current` opens another device. Of one device, only the first call counts: it gives true.
   * @throws RuntimeError when it was the third loss in a row.
   */
  lose(open: OpenDevice, loss: RuntimeError): boolean {
    const { place, facts } = loss;
    const isNew = open === this.#device;
    if (isNew) {
      this.#device = undefined;
      this.#losses++;
      open.close();
      this.#why = facts.replace(/^.*?: /, "");
      if (this.#losses >= MOST_LOSSES) this.#end ??= lostError(place, `${TIMES}: ${this.#why}`, LOOK);
      else this.#onLoss(loss);
    }
    if (this.#end) throw this.#end;
    return isNew;
  }

  /** Something was computed: losses from now on are others. */
  progressed(): void {
    this.#losses = 0;
  }

  /** Closes the device. A second call does nothing. */
  close(): void {
    this.#end = closedError("device", "model", "load it again");
    this.#device?.close();
    this.#device = undefined;
  }

  async #openOne(): Promise<OpenDevice> {
    const open = await this.#open().catch((error: unknown) => {
      if (this.#why === undefined || !(error instanceof RuntimeError)) throw error;
      throw lostError(error.place, `${this.#why}; and of another one: ${error.facts}`, error.hint);
    });
    if (this.#end) {
      open.close();
      throw this.#end;
    }
    this.#device = open;
    return open;
  }
}

const TIMES = `${MOST_LOSSES} times in a row, with nothing computed between`;
const LOOK = "the driver's log says what it did not bear; a smaller model or a shorter context asks less of it";

/** Tells the user of losses that were made good. */
export const warnOfLoss =
  (warn: (message: string) => void) =>
  ({ place, facts }: RuntimeError): void =>
    warn(`${place}: ${facts}; going on with another one`);
