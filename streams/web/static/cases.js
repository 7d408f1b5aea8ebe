// Open cases, by the deadline that comes first: call back within a day, rectify and reply within five.

import { countdown } from "./countdown.js";
import { both, byId, en, h, reconcile, SHORT } from "./dom.js";
import { categoryTags } from "./reviews.js";
import { instant, stamp } from "./time.js";
import * as words from "./words.js";

let everything = false;

/** Something is still to be done: also where a case was rectified and replied to, yet nobody called back. */
const isOpen = (row) => row.state !== "dismissed" && (row.state !== "closed" || !row.called_back_at);

/** A database's false may be a 0. */
const missed = (onTime) => onTime === false || onTime === 0;

const rectified = (row) => row.rectified_at && row.replied_at;

/** The next deadline nobody has met. */
const nextDue = (row) =>
  Math.min(row.called_back_at ? Infinity : instant(row.callback_due), rectified(row) ? Infinity : instant(row.rectify_due));

export function showCases(cases, now, again) {
  const open = cases.filter(isOpen).sort((a, b) => nextDue(a) - nextDue(b) || (a.case_id < b.case_id ? -1 : 1));
  document.body.dataset.open = String(open.length); // the layout heeds it
  byId("cases-count").replaceChildren(open.length > 0 ? h("span", { class: "badge" }, `${open.length} 件 `, en("open")) : "");
  const rows = everything ? [...open] : open.slice(0, SHORT);
  if (open.length === 0) rows.push({ case_id: "none" });
  else if (open.length > rows.length) rows.push({ case_id: "more", more: open.length });
  const more = () => {
    everything = true;
    again();
  };
  reconcile(
    byId("cases-list"),
    rows,
    (row) => row.case_id,
    (row) => JSON.stringify([row, new Date(now).getFullYear()]),
    (row) => {
      if (row.case_id === "none") return h("li", { class: "nothing" }, both(["没有待办差评", "no open case"]));
      if (row.more) return h("li", { class: "more" }, h("button", { type: "button", click: more }, `显示全部 ${row.more} 件 `, en("show all")));
      return item(row, now);
    },
  );
}

function item(row, now) {
  const place = words.place(row);
  const what = [row.service_name || row.service_id, row.staff_name || row.staff_id].filter(Boolean);
  return h("li", { class: "case", "data-case": row.case_id },
    h("div", { class: "story" },
      h("h3", null, place.length > 0 ? place.join(" · ") : both(words.channel(row.channel))),
      h("p", { class: "meta" },
        h("time", { datetime: row.occurred_at }, stamp(row.occurred_at, now)), " · ", both(words.rating(row.rating)),
        what.length > 0 && ` · ${what.join(" · ")}`, " ", h("code", null, row.case_id)),
      row.comment && h("blockquote", null, row.comment),
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
      h("span", { class: "by" }, doneAt ? stamp(doneAt, now) : `${stamp(due, now)} 到期`),
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
