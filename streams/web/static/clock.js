// What time it is for the district's deadlines.
//
// A worker keeps wall time (HCP_CLOCK=wall) or, replaying, the time of the newest event (HCP_CLOCK=event). It is in event
// time if it says so, or if the data shows it: by the wall a deadline long past would have been decided, and data
// would be neither days old nor of the future.

import { skew } from "./api.js";
import { instant, knowsOffset, learnOffset, midnight } from "./time.js";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** Data this old is a replay's: even a small district has reviews every day, holidays included. */
const OLD = 3 * DAY;

/** A worker refuses what is a day ahead of it. */
const AHEAD = 26 * 60 * MINUTE;

/** By the wall a deadline is decided within seconds; allow for a worker that was away a little. */
const UNDECIDED = 10 * MINUTE;

const CASE_TIMES = ["occurred_at", "opened_at", "called_back_at", "rectified_at", "replied_at", "dismissed_at", "extended_at"];
const ALERT_TIMES = ["raised_at", "detected_at"];

export class Clock {
  #newest = -Infinity; // the newest instant in the data
  #undecided = Infinity; // the earliest deadline that nobody has decided
  #told = null; // "wall" or "event", from a worker that says so

  /** True if time stands still unless events come. */
  get byEvents() {
    if (this.#told) return this.#told === "event";
    if (this.#newest === -Infinity) return false;
    const wall = Date.now() + skew;
    return this.#newest < wall - OLD || this.#newest > wall + AHEAD || this.#undecided < wall - UNDECIDED;
  }

  now() {
    return this.byEvents && this.#newest > -Infinity ? this.#newest : Date.now() + skew;
  }

  /** /readyz may name the worker's clock. */
  tell(readiness) {
    if (readiness.clock === "wall" || readiness.clock === "event") this.#told = readiness.clock;
    if (!knowsOffset()) learnOffset(readiness.now); // nothing has happened here yet
    this.#see([readiness.now]);
  }

  /** Cases and alerts come newest first, so the offset is today's. */
  seeCases(cases) {
    learnOffset(cases[0]?.opened_at);
    cases.forEach((row) => this.#see(CASE_TIMES.map((name) => row[name])));
    this.#undecided = Math.min(
      ...cases.flatMap((row) => [undecided(row, "callback"), undecided(row, "rectify")]).filter((at) => !Number.isNaN(at)),
    );
  }

  seeAlerts(alerts) {
    learnOffset(alerts[0]?.raised_at);
    alerts.forEach((row) => this.#see(ALERT_TIMES.map((name) => row[name])));
  }

  seeReview(review) {
    this.#see([review.occurred_at, review.received_at]);
  }

  /** There are reviews of this day: now is at least its beginning. */
  seeDay(day) {
    this.#newest = Math.max(this.#newest, midnight(day));
  }

  #see(times) {
    for (const time of times) {
      const at = instant(time);
      if (at > this.#newest) this.#newest = at;
    }
  }
}

function undecided(row, step) {
  const open = !row.dismissed_at && (row[`${step}_on_time`] === null || row[`${step}_on_time`] === undefined);
  return open ? instant(row[`${step}_due`]) : NaN;
}
