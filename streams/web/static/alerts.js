// Alerts: what fires first, what is gravest and due soonest at the top; then what has been dealt with, the latest at the top.

import { countdown } from "./countdown.js";
import { both, byId, en, fillWith, h, MORE, moreOf, moreRow, reconcile, SHORT } from "./dom.js";
import { reviewList } from "./reviews.js";
import { instant, lastDay, span, stamp, today } from "./time.js";
import * as words from "./words.js";

const GRAVITY = { critical: 0, warning: 2, info: 3 };
const ENDS_TODAY = 1;

/** Kinds of resolved alerts one may look at; reminders are not worth remembering. */
const FILTERS = [
  ["", ["全部", "all"]],
  ["repeat_staff", ["人员", "person"]],
  ["repeat_category", ["复发", "again"]],
  ["overdue", ["逾期", "overdue"]],
  ["trend", ["趋势", "trend"]],
];

let filter = "";
let most = { firing: SHORT, resolved: SHORT }; // how many are shown

/** Build the filter; `changed` draws again. */
export function setUpAlerts(changed) {
  const select = h("select", {
    "aria-label": "预警类别 Kind of alert",
    change: (event) => {
      filter = event.currentTarget.value;
      changed();
    },
  }, FILTERS.map(([value, [chinese, english]]) => h("option", { value }, `${chinese} ${english}`)));
  byId("resolved-kinds").replaceChildren(select);
}

/** `cases`: Map of case id → case, for the reviews behind an alert. `again` draws again. */
export function showAlerts(alerts, cases, now, again) {
  const latest = (a, b) => instant(b.raised_at) - instant(a.raised_at);
  const firing = folded(alerts.filter((alert) => alert.state === "firing").sort(latest))
    .map((alert) => ({ ...alert, due: dueOf(alert, cases) }))
    .sort((a, b) => rank(a, now) - rank(b, now) || dueFirst(a) - dueFirst(b) || latest(a, b));
  const resolved = alerts
    .filter((alert) => alert.state === "resolved" && alert.severity !== "info" && alert.kind.includes(filter))
    .sort((a, b) => instant(b.resolved_at) - instant(a.resolved_at));
  showCount(firing);
  draw("firing", byId("alerts-list"), firing, ["目前没有预警", "nothing fires"], cases, now, again);
  draw("resolved", byId("resolved-list"), resolved, ["暂无", "none yet"], cases, now, again);
}

/** Of a hall's repeats of one category the newest, first among `alerts`, stands for all, and knows how many others there are. */
function folded(alerts) {
  const kept = new Map();
  for (const alert of alerts) {
    const key = alert.kind === "repeat_category" ? `${alert.hall_id}:${alert.category}` : alert.alert_id;
    if (kept.has(key)) kept.get(key).others += 1;
    else kept.set(key, { ...alert, others: 0 });
  }
  return [...kept.values()];
}

/**
 * The order of what fires: critical alerts, then whatever ends today, be it a mere reminder, then warnings, then
 * reminders. Among equals the earliest deadline comes first, so what is overdue longest; then what has none, the latest first.
 */
const rank = (alert, now) =>
  Math.min(GRAVITY[alert.severity], alert.due && lastDay(instant(alert.due)) <= today(now) ? ENDS_TODAY : Infinity);

const dueFirst = (alert) => (alert.due ? instant(alert.due) : Number.MAX_SAFE_INTEGER);

function showCount(firing) {
  document.body.dataset.firing = String(firing.length); // the layout heeds it
  const of = (severity) => firing.filter((alert) => alert.severity === severity).length;
  fillWith(byId("alerts-count"),
    Object.keys(GRAVITY).filter(of).map((severity) =>
      h("span", { class: "badge", "data-severity": severity }, `${words.severity(severity)[0]} ${of(severity)} `, en(words.severity(severity)[1]))),
  );
}

function draw(name, list, alerts, none, cases, now, again) {
  const shown = alerts.slice(0, most[name]);
  const rows = [...shown];
  if (alerts.length === 0) rows.push({ alert_id: "none", none });
  else if (alerts.length > shown.length) rows.push({ alert_id: "more", more: moreOf(alerts.length, shown.length, "条") });
  const unfold = () => {
    most = { ...most, [name]: most[name] + MORE };
    again();
  };
  reconcile(
    list,
    rows,
    (row) => row.alert_id,
    // The year of `now` decides how dates are written.
    (row) => JSON.stringify([row, (row.review_ids ?? []).map((id) => cases.get(id)), new Date(now).getFullYear()]),
    (row) => {
      if (row.none) return h("li", { class: "nothing" }, both(row.none));
      return row.more ? moreRow(list, row.more, unfold) : item(row, cases, now);
    },
  );
}

function item(alert, cases, now) {
  const ids = alert.review_ids ?? [];
  const where = alert.kind === "repeat_staff" && (cases.get(ids[ids.length - 1])?.window_name || alert.window_id);
  return h("li", { class: "alert", "data-severity": alert.severity, "data-state": alert.state, "data-alert": alert.alert_id },
    h("p", { class: "kind" },
      alert.state === "firing"
        ? h("span", { class: "badge", "data-severity": alert.severity }, both(words.severity(alert.severity)))
        : h("span", { class: "badge", "data-severity": "done" }, both(words.resolution(alert.resolution))),
      h("span", null, both(words.kind(alert.kind))),
      where && h("span", null, where),
      words.cause(alert.cause)[1] && h("span", { class: "cause" }, causeOf(alert))),
    h("h3", null, alert.title || alert.alert_id),
    alert.title_en && h("p", { class: "english", lang: "en" }, alert.title_en),
    h("p", { class: "meta" }, when(alert, now)),
    alert.others > 0 && h("p", { class: "meta" }, both([`另有 ${alert.others} 条同类预警未解除`, `${alert.others} more of the kind firing`])),
    ids.length > 0 && h("details", null,
      h("summary", null, `相关差评 ${ids.length} 条 `, en(ids.length === 1 ? "review" : "reviews")),
      reviewList(ids, cases, now)),
  );
}

/** Of several reviews the cause is that of the latest alone. */
function causeOf(alert) {
  const [chinese, english] = words.cause(alert.cause);
  return alert.kind.startsWith("repeat") ? both([`本条：${chinese}`, `this one: ${english}`]) : both([chinese, english]);
}

function when(alert, now) {
  const raised = h("time", { datetime: alert.raised_at }, stamp(alert.raised_at, now));
  if (alert.state === "resolved") {
    const [chinese, english] = span(instant(alert.resolved_at) - instant(alert.raised_at));
    return [raised, " → ", h("time", { datetime: alert.resolved_at }, stamp(alert.resolved_at, now)), ` · 历时 ${chinese} `, en(`took ${english}`)];
  }
  const running = alert.due && [
    alert.kind.startsWith("repeat") && ["整改 ", en("rectify"), " "],
    countdown(alert.due, alert.kind.startsWith("callback") ? "callback" : "rectify", now),
    " · ",
  ];
  return [running, raised, " 触发 ", en("raised")];
}

/**
 * The deadline an alert waits for: an overdue one was raised at it, a reminder's stands in its case, and a repeated
 * review's alert ends with that review's rectification. None for a trend.
 */
function dueOf(alert, cases) {
  if (alert.kind.endsWith("_overdue")) return alert.raised_at;
  if (alert.kind === "trend") return null;
  const row = cases.get(alert.case_id || alert.review_ids[alert.review_ids.length - 1]);
  if (!row || row.state === "closed" || row.state === "dismissed") return null;
  return alert.kind === "callback_due_soon" ? row.callback_due : row.rectify_due;
}
