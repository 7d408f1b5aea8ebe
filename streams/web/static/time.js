// Instants and spans as people read them. Times are shown in the district's offset, which those of the views have:
// a reader's computer may be set to another zone.

const DAY = 86_400_000;

let offset = null; // minutes east of UTC, once the worker has told

/** Milliseconds of an RFC 3339 time; NaN for anything else. */
export function instant(text) {
  return text ? Date.parse(text) : NaN;
}

export const knowsOffset = () => offset !== null;

/** Learn the offset from a time of a view, or until there is one of the worker. */
export function learnOffset(text) {
  const zone = /([+-])(\d\d):?(\d\d)$/.exec(text);
  if (zone) offset = (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
}

/** `YYYY-MM-DDTHH:MM:SS` in local time. */
export function local(milliseconds) {
  const minutes = offset ?? -new Date(milliseconds).getTimezoneOffset();
  return new Date(milliseconds + minutes * 60_000).toISOString().slice(0, 19);
}

/** The start of a local day `YYYY-MM-DD`, in milliseconds. */
export function midnight(day) {
  const utc = Date.parse(`${day}T00:00:00Z`);
  return utc - (offset ?? -new Date(utc).getTimezoneOffset()) * 60_000;
}

/** The local day, `YYYY-MM-DD`. */
export const today = (now) => local(now).slice(0, 10);

/** The last day one may meet a deadline on: one at midnight ends the day before. */
export const lastDay = (due) => today(due - 1);

/** `2026-05-12 09:30`, without the year if it is this one. */
export function stamp(text, now) {
  const at = instant(text);
  return Number.isNaN(at) ? "" : withoutYear(local(at).replace("T", " ").slice(0, 16), now);
}

/** A deadline the same way: one at midnight is 24:00 of its last day. */
export function deadline(text, now) {
  const due = instant(text);
  return local(due).endsWith("T00:00:00") ? withoutYear(`${lastDay(due)} 24:00`, now) : stamp(text, now);
}

const withoutYear = (text, now) => (text.slice(0, 4) === local(now).slice(0, 4) ? text.slice(5) : text);

/** A length of time in its two largest units: [Chinese, English]. */
export function span(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const parts = [
    [Math.floor(seconds / 86400), "天", "d"],
    [Math.floor(seconds / 3600) % 24, "小时", "h"],
    [Math.floor(seconds / 60) % 60, "分", "min"],
    [seconds % 60, "秒", "s"],
  ];
  let first = parts.findIndex(([number]) => number > 0);
  if (first < 0) first = 3;
  const shown = parts.slice(first, first + 2).filter(([number], at) => at === 0 || number > 0);
  return [shown.map(([number, zh]) => `${number} ${zh}`).join(" "), shown.map(([number, , unit]) => `${number} ${unit}`).join(" ")];
}

/** `day` and `count` days after it, as `YYYY-MM-DD`. */
export const plusDays = (day, count) => new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY).toISOString().slice(0, 10);

/** 1 Monday … 7 Sunday. */
export const weekday = (day) => new Date(`${day}T00:00:00Z`).getUTCDay() || 7;

/** The Monday of a day's week. */
export const monday = (day) => plusDays(day, 1 - weekday(day));
