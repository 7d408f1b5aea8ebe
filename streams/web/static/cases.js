// Open cases, by the deadline that comes first: call back within a day, rectify and reply within five.

import { comment } from "./comment.js";
import { countdown } from "./countdown.js";
import { both, byId, en, fillWith, h, MORE, moreOf, moreRow, reconcile, SHORT } from "./dom.js";
import { categoryTags } from "./reviews.js";
import { deadline, instant, lastDay, stamp, today } from "./time.js";
import * as words from "./words.js";

const PARTS = { late: ["逾期", "overdue"], today: ["今日到期", "due today"], rest: ["其余", "later"] };

let most = SHORT; // how many are shown

/** A database's false may be a 0. */
const missed = (onTime) => onTime === false || onTime === 0;

const rectified = (row) => row.rectified_at && row.replied_at;

/** What is still to be done, the earlier deadline first: also a callback where all else was done without one. */
const duties = (row) => (row.state === "dismissed" ? [] : [
  { step: "callback", due: instant(row.callback_due), done: row.called_back_at },
  { step: "rectify", due: instant(row.rectify_due), done: rectified(row) },
]).filter((duty) => !duty.done).sort((a, b) => a.due - b.due);

const partOf = ({ due }, now) => (due < now ? "late" : lastDay(due) === today(now) ? "today" : "rest");

export function showCases(cases, now, again) {
  const open = cases
    .map((row) => ({ row, duties: duties(row) }))
    .filter((each) => each.duties.length > 0)
    .sort((a, b) => a.duties[0].due - b.duties[0].due || (a.row.case_id < b.row.case_id ? -1 : 1));
  document.body.dataset.open = String(open.length); // the layout heeds it
  showCounts(open.flatMap((each) => each.duties), open.length, now);
  const shown = open.slice(0, most);
  // What is no case has a slash in its key, which no id has: a publisher may call a review "none".
  const rows = Object.keys(PARTS).flatMap((part) => {
    const within = ({ duties: [first] }) => partOf(first, now) === part;
    const found = shown.filter(within).map(({ row }) => row);
    return found.length > 0 ? [{ case_id: `/part/${part}`, part, count: open.filter(within).length }, ...found] : [];
  });
  if (open.length === 0) rows.push({ case_id: "/none" });
  else if (open.length > shown.length) rows.push({ case_id: "/more", more: moreOf(open.length, shown.length, "件") });
  const list = byId("cases-list");
  const unfold = () => {
    most += MORE;
    again();
  };
  reconcile(
    list,
    rows,
    (row) => row.case_id,
    (row) => JSON.stringify([row, new Date(now).getFullYear()]),
    (row) => {
      if (row.case_id === "/none") return h("li", { class: "nothing" }, both(["没有待办差评", "no open case"]));
      if (row.part) return h("li", { class: "part", "data-part": row.part }, both(PARTS[row.part]), ` ${row.count} 件`);
      return row.more ? moreRow(list, row.more, unfold) : item(row, now);
    },
  );
}

/** Duties that are late or end today, and how many cases there are; a case may have two late duties. */
function showCounts(open, cases, now) {
  const of = (part, step) => open.filter((duty) => partOf(duty, now) === part && duty.step.includes(step)).length;
  const badge = ([chinese, english], count, severity) =>
    h("span", { class: "badge", "data-severity": count > 0 && severity }, `${chinese} ${count} `, en(english));
  fillWith(byId("cases-count"), cases === 0 ? [] : [
    badge(["回访逾期", "callbacks overdue"], of("late", "callback"), "critical"),
    badge(["整改逾期", "rectifying overdue"], of("late", "rectify"), "critical"),
    badge(["今日到期", "due today"], of("today", ""), "warning"),
    h("span", { class: "badge" }, `${cases} 件 `, en("open")),
  ]);
}

function item(row, now) {
  const place = words.place(row);
  const what = [row.department_name || row.department_id, row.service_name || row.service_id, row.staff_name || row.staff_id]
    .filter((part) => part && !place.includes(part));
  return h("li", { class: "case", "data-case": row.case_id },
    h("div", { class: "story" },
      h("h3", null, place.length > 0 ? place.join(" · ") : both(words.channel(row.channel))),
      h("p", { class: "meta" },
        h("time", { datetime: row.occurred_at }, stamp(row.occurred_at, now)), " · ", both(words.rating(row.rating)),
        what.length > 0 && ` · ${what.join(" · ")}`, " ", h("code", null, row.case_id)),
      comment(row.comment),
      categoryTags(row.categories)),
    h("dl", { class: "duties" },
      duty(["回访", "callback"], "callback", row.called_back_at, row.callback_on_time, row.callback_due, now),
      duty(["整改", "rectify"], "rectify", rectified(row) && later(row.rectified_at, row.replied_at), row.rectify_on_time, row.rectify_due, now, progress(row))),
  );
}

function duty(name, which, doneAt, onTime, due, now, note = null) {
  return h("div", null,
    h("dt", null, both(name)),
    h("dd", null,
      doneAt
        ? h("span", { class: "countdown", "data-pace": missed(onTime) ? "late" : "done" },
          missed(onTime) ? "逾期完成 " : "已完成 ", en(missed(onTime) ? "done late" : "done"))
        : countdown(due, which, now),
      h("span", { class: "by" }, doneAt ? stamp(doneAt, now) : [deadline(due, now), " ", both(["到期", "due"])]),
      note && h("span", { class: "by" }, both(note))),
  );
}

/** Rectified but not replied to, or the other way round, or with more time. */
function progress(row) {
  if (rectified(row)) return null;
  if (row.rectified_at) return ["已整改，待回复", "reply to come"];
  return row.extended_at ? ["已延期", "extended"] : null;
}

const later = (a, b) => (instant(a) > instant(b) ? a : b);
