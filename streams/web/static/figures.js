// The row of figures a leader asks for first.

import { both, byId, fillWith, h } from "./dom.js";
import { percent, sum, whole } from "./numbers.js";
import { plusDays } from "./time.js";

/** Reviews from a hall name a window; online nobody is to expect one. */
const IN_HALLS = ["window", "kiosk", "qr"];

/**
 * `days`: bi_daily of the district in the period; `channels`: the same by channel; `months`: bi_timeliness in the
 * period; `cases`: all bi_cases; `today`: the local day. What has not been read yet is null, and its figures say so.
 */
export function showFigures({ days, channels, months, cases, today }) {
  fillWith(byId("figures"),
    figure("reviews", ["评价总量", "reviews"], days && volume(days, today)),
    figure("bad", ["差评数", "bad reviews"], days && badOnes(days, cases ?? [], today)),
    figure("bad-rate", ["差评率", "bad share"], days && badShare(days, today)),
    figure("three-match", ["三对应率", "fully matched"], channels && matching(channels)),
    figure("callback", ["按期回访率", "on-time callback"], months && cases && kept(months, cases, "called_back_on_time", "callback")),
    figure("rectify", ["按期整改率", "on-time rectifying"], months && cases && kept(months, cases, "rectified_on_time", "rectify")),
  );
}

function figure(name, title, shown) {
  const { value, notes, poor } = shown ?? { value: "…", notes: [] };
  return h("div", { class: "figure", "data-figure": name, "data-poor": poor },
    h("h3", null, both(title)),
    h("p", { class: "value" }, value),
    notes.map((note) => h("p", { class: "note" }, both(note))),
  );
}

/** Seven days with today. The view has a row only of a day with reviews. */
const lastWeek = (days, today) => days.filter(({ day }) => day > plusDays(today, -7) && day <= today);

function volume(days, today) {
  const last = days.filter(({ day }) => day <= today).pop();
  return { value: whole(sum(days, "reviews")), notes: last ? [[`最近一天 ${whole(last.reviews)} 条`, "last day"]] : [] };
}

/** What was rated, also what was found untrue: so says bi_daily, so add up all panels. */
function badOnes(days, cases, today) {
  const dismissed = cases.filter((each) => each.state === "dismissed" && each.occurred_at >= days[0]?.day).length;
  const notes = [[`近 7 天 ${whole(sum(lastWeek(days, today), "bad"))} 条`, "last 7 days"]];
  if (dismissed > 0) notes.push([`其中核实不成立 ${whole(dismissed)} 条`, "dismissed"]);
  return { value: whole(sum(days, "bad")), notes };
}

function badShare(days, today) {
  const share = (some) => percent(sum(some, "bad"), sum(some, "reviews"));
  return { value: share(days), notes: [[`近 7 天 ${share(lastWeek(days, today))}`, "last 7 days"]] };
}

function matching(channels) {
  const rows = channels.filter((row) => IN_HALLS.includes(row.member_id));
  const [reviews, matched] = [sum(rows, "reviews"), sum(rows, "three_match")];
  return { value: percent(matched, reviews), notes: [[`厅内未对应 ${whole(reviews - matched)} 条`, "unmatched"]], poor: matched < reviews };
}

/**
 * Months and departments added up. A rate is of the cases decided so far, so its base is had back from the rate; where
 * that is 0, the cases decided are counted.
 */
function kept(months, cases, field, step) {
  const base = (row) => {
    const rate = row[`${step}_rate`];
    if (rate > 0) return Math.round(row[field] / rate);
    return rate === 0 ? cases.filter((each) => belongs(each, row) && isDecided(each[`${step}_on_time`])).length : 0;
  };
  const [inTime, of] = [sum(months, field), months.reduce((total, row) => total + base(row), 0)];
  return { value: percent(inTime, of), notes: [[`${whole(inTime)} / ${whole(of)} 件`, "cases"]], poor: inTime < of };
}

const belongs = (each, row) =>
  each.state !== "dismissed" && (each.department_id ?? "") === row.department_id && each.opened_at.slice(0, 7) === row.month.slice(0, 7);

const isDecided = (onTime) => onTime !== null && onTime !== undefined;
