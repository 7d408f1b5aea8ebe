// 复发率: of what a month's bad reviews complain about, how much their hall had had within the window before.

import { both, byId, en, fillWith, h } from "./dom.js";
import { percent } from "./numbers.js";

/** `rows`: bi_recurrence of the period, by month, hall and category. */
export function showRecurrence(rows) {
  const months = new Map();
  for (const row of rows) {
    const month = row.month.slice(0, 7);
    const total = months.get(month) ?? { month, bad: 0, recurrences: 0 };
    total.bad += row.bad;
    total.recurrences += row.recurrences;
    months.set(month, total);
  }
  const sorted = [...months.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  fillWith(byId("recurrence-chart"), sorted.length === 0
    ? h("p", { class: "nothing" }, both(["暂无数据", "no data yet"]))
    : h("ol", { class: "months" }, sorted.map(column)));
}

function column({ month, bad, recurrences }) {
  const share = bad ? Math.min(1, recurrences / bad) : 0;
  const pillar = h("span", { class: "pillar", "aria-hidden": "true" }, h("span"));
  pillar.style.setProperty("--share", share.toFixed(3));
  return h("li", { title: `${month}: ${recurrences} / ${bad}` },
    h("span", { class: "share" }, bad ? `${Math.round(share * 100)}%` : percent(0, 0)),
    pillar,
    h("span", { class: "month" }, `${Number(month.slice(5))}月 `, en(month)),
    h("span", { class: "of" }, `${recurrences}/${bad}`));
}
