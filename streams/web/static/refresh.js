// Reading a view again when it was touched: at once, but never more often than `every` milliseconds, and one at a time.

export class Refresher {
  #read;
  #every;
  #timer = null;
  #running = false;
  #touched = false;
  #begun = -Infinity;
  #failures = 0;

  /** `read()` returns a promise; if it fails, it is tried again, less and less often. */
  constructor(read, every = 1000) {
    this.#read = read;
    this.#every = every;
  }

  /** What it shows may have changed. */
  touch() {
    this.#touched = true;
    if (this.#running || this.#timer !== null) return;
    const wait = Math.max(0, this.#begun + this.#every - performance.now());
    this.#timer = setTimeout(() => this.#run(), wait);
  }

  /** Touch it now, whatever it is waiting for: the worker is back. */
  hurry() {
    this.#failures = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.touch();
  }

  async #run() {
    this.#timer = null;
    this.#touched = false;
    this.#running = true;
    this.#begun = performance.now();
    let failed = false;
    try {
      await this.#read();
      this.#failures = 0;
    } catch (error) {
      failed = true;
      console.info(error); // shown on the board by whoever reads
    }
    this.#running = false;
    if (failed) {
      this.#failures += 1;
      this.#timer = setTimeout(() => this.#run(), Math.min(30_000, 1000 * 2 ** this.#failures));
    } else if (this.#touched) {
      this.touch();
    }
  }
}
