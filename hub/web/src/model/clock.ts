// The viewer's clock, but never slower than the time that really goes by: a clock that is set back would make what is old young.

export class Clock {
  #ahead = -Infinity;

  /** Milliseconds as by Date.now(). A clock that is set forward is followed, one that is set back is not. */
  now(): number {
    const steady = performance.now();
    this.#ahead = Math.max(this.#ahead, Date.now() - steady);
    return steady + this.#ahead;
  }
}
