// The row of figures a leader asks for first.

import { byId, en, h } from "./dom.js";
import { percent, sum, whole } from "./numbers.js";

/** `days`: bi_daily of the district in the period; `months`: bi_timeliness in the period; `cases`: all bi_cases. */
export function showFigures(days, months, cases) {
  const reviews = sum(days, "reviews");
  const bad = sum(days, "bad");
  const matched = sum(days, "three_match");
  const called = duty(months, cases, "called_back_on_time", "callback");
  const rectified = duty(months, cases, "rectified_on_time", "rectify");
  const last = days[days.length - 1];
  const week = days.slice(-7);
  byId("figures").replaceChildren(
    figure("reviews", "评价总量", "reviews", whole(reviews), last ? `最近一天 ${whole(last.reviews)}` : "", last ? "last day" : ""),
    figure("bad", "差评数", "bad reviews", whole(bad), `近 7 天 ${whole(sum(week, "bad"))}`, "last 7 days"),
    figure("bad-rate", "差评率", "bad share", percent(bad, reviews), `近 7 天 ${percent(sum(week, "bad"), sum(week, "reviews"))}`, "last 7 days"),
    figure("three-match", "三对应率", "fully matched", percent(matched, reviews), `未对应 ${whole(reviews - matched)}`, "unmatched", matched < reviews),
    figure("callback", "按期回访率", "on-time callback", percent(called.kept, called.of), `${whole(called.kept)} / ${whole(called.of)} 件`, "cases", called.kept < called.of),
    figure("rectify", "按期整改率", "on-time rectifying", percent(rectified.kept, rectified.of), `${whole(rectified.kept)} / ${whole(rectified.of)} 件`, "cases", rectified.kept < rectified.of),
  );
}

function figure(name, chinese, english, value, note, noteEnglish, poor = false) {
  return h("div", { class: "figure", "data-figure": name, "data-poor": poor },
    h("h3", null, chinese, " ", en(english)),
    h("p", { class: "value" }, value),
    h("p", { class: "note" }, note, " ", en(noteEnglish)),
  );
}

/**
 * Months and departments added up. A rate is of the cases decided so far, so its base is had back from the rate; where
 * that is 0, the cases decided are counted.
 */
function duty(months, cases, kept, step) {
  const base = (row) => {
    const rate = row[`${step}_rate`];
    if (rate > 0) return Math.round(row[kept] / rate);
    return rate === 0 ? cases.filter((each) => belongs(each, row) && isDecided(each[`${step}_on_time`])).length : 0;
  };
  return { kept: sum(months, kept), of: months.reduce((total, row) => total + base(row), 0) };
}

const belongs = (each, row) =>
  each.state !== "dismissed" && (each.department_id ?? "") === row.department_id && each.opened_at.slice(0, 7) === row.month.slice(0, 7);

const isDecided = (onTime) => onTime !== null && onTime !== undefined;
