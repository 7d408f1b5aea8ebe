// Which kinds of complaint, and which halls.

import { both, byId, choice, en, fillWith, h } from "./dom.js";
import { percent, sum, whole } from "./numbers.js";
import { monday, today } from "./time.js";
import * as words from "./words.js";

let order = "bad";
let halls = [];

/** Build the switch of the halls' order. */
export function setUpRankings() {
  choice(byId("halls-order"), [["bad", ["按差评数", "by bad"]], ["rate", ["按差评率", "by share"]]], order, (chosen) => {
    order = chosen;
    drawHalls();
  });
}

/** Add up a dimension's days by member. */
function members(rows) {
  const totals = new Map();
  for (const row of rows) {
    const total = totals.get(row.member_id) ?? { id: row.member_id, name: "", reviews: 0, bad: 0 };
    total.name = row.member_name || total.name; // the newest name: rows come by day
    total.reviews += row.reviews;
    total.bad += row.bad;
    totals.set(row.member_id, total);
  }
  return [...totals.values()];
}

/**
 * `rows`: bi_daily by category; `bad`: all bad reviews of the period; `weeks`: bi_category_trend; `now`, the board's.
 * A review may complain of several things, so shares may add up to more than one.
 */
export function showCategories(rows, bad, weeks, now) {
  const ranked = members(rows).filter((each) => each.bad > 0 && each.id).sort((a, b) => b.bad - a.bad);
  const most = ranked[0]?.bad ?? 1;
  const rising = risingNow(weeks, now);
  fillWith(byId("categories-list"), ranked.length === 0 ? nothing() : h("table", { class: "ranking" },
    head(["原因", "what"], ["差评", "bad"], ["占全部差评", "of all bad"]),
    h("tbody", null, ranked.map((each) => h("tr", { "data-member": each.id },
      h("th", { scope: "row" }, both(words.category(each.id)), rising.get(each.id) && riseMark(rising.get(each.id))),
      h("td", { class: "number" }, bar(each.bad / most), count(each.bad)),
      h("td", { class: "number" }, percent(each.bad, bad)),
    ))),
  ));
}

/** Categories improbably many this week; the newest of the data may be long over. */
function risingNow(weeks, now) {
  const week = monday(today(now));
  return new Map(weeks.filter((row) => row.week === week && row.p !== null && row.p < 0.01 && row.bad >= 5).map((row) => [row.category, row]));
}

const riseMark = (row) => h("span", { class: "rise", title: `p = ${Number(row.p).toPrecision(2)}` },
  `↑ 本周 ${row.bad} 条，此前每周 ${Number(row.expected).toFixed(1)} 条 `, en("this week / usual"));

/** `rows`: bi_daily by hall. */
export function showHalls(rows) {
  halls = members(rows);
  drawHalls();
}

function drawHalls() {
  const rate = (each) => (each.reviews ? each.bad / each.reviews : 0);
  const ranked = [...halls].sort((a, b) => (order === "rate" ? rate(b) - rate(a) || b.bad - a.bad : b.bad - a.bad || rate(b) - rate(a)) || b.reviews - a.reviews);
  const most = Math.max(...ranked.map((each) => (order === "rate" ? rate(each) : each.bad)), 0) || 1;
  fillWith(byId("halls-list"), ranked.length === 0 ? nothing() : h("table", { class: "ranking" },
    head(["大厅", "hall"], ["差评", "bad"], ["差评率", "share"], ["评价", "reviews"]),
    h("tbody", null, ranked.map((each) => h("tr", { "data-member": each.id },
      h("th", { scope: "row" }, each.id ? each.name || each.id : both(["非大厅渠道", "no hall"])),
      h("td", { class: "number" }, bar((order === "rate" ? rate(each) : each.bad) / most), count(each.bad)),
      h("td", { class: "number" }, percent(each.bad, each.reviews)),
      h("td", { class: "number" }, whole(each.reviews)),
    ))),
  ));
}

const head = (...names) => h("thead", null, h("tr", null, names.map((name, at) =>
  h("th", { scope: "col", class: at > 0 && "number" }, both(name)))));

function bar(share) {
  const node = h("span", { class: "bar", "aria-hidden": "true" });
  node.style.setProperty("--share", share.toFixed(3));
  return node;
}

const count = (number) => h("span", { class: "tally" }, whole(number));

const nothing = () => h("p", { class: "nothing" }, both(["暂无数据", "no data yet"]));
