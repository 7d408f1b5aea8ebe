// The board: what is read when, and who draws it. Everything it shows stands in the views; events only say when to look.

import { ApiError, listen, LoggedOut, readiness, view } from "./api.js";
import { setUpAlerts, showAlerts } from "./alerts.js";
import { showCases } from "./cases.js";
import { Clock } from "./clock.js";
import { tellLeads, tick } from "./countdown.js";
import { both, byId, choice, en, fillWith } from "./dom.js";
import { showFigures } from "./figures.js";
import { sum, whole } from "./numbers.js";
import { setUpRankings, showCategories, showHalls } from "./rankings.js";
import { showRecurrence } from "./recurrence.js";
import { Refresher } from "./refresh.js";
import { local, today } from "./time.js";
import { setUpTrend, showTrend } from "./trend.js";
import * as words from "./words.js";

const EVERYTHING = 100_000; // a view's own limit is 1000

/** Milliseconds between two looks: at what an event touched, at what costs the worker more, and at what no event tells. */
const LIVE = 1000;
const HEAVY = 5000;
const POLL = 5000;
const UNTOLD = 15_000; // of good reviews, and of what another worker of the group did, no event tells

const clock = new Clock();
/** Rows of the views; null until they have been read. */
const data = { days: null, channel: null, category: null, alerts: null, cases: null, months: null, recurrence: null, weeks: null };
let period = "year";

// --- what is counted ---------------------------------------------------------------------------------------------

/**
 * The first day of the period, by the newest day there is: this year, or twelve months with the running one. A day yet
 * to come is none: a screen whose clock is ahead does not begin the new year.
 */
function firstDay() {
  const now = today(clock.now());
  const newest = data.days?.filter(({ day }) => day <= now).pop()?.day ?? now;
  const [year, month] = newest.split("-").map(Number);
  if (period === "year") return `${year}-01-01`;
  return month === 12 ? `${year}-01-01` : `${year - 1}-${String(month + 1).padStart(2, "0")}-01`;
}

const within = (rows, field) => rows && rows.filter((row) => row[field].slice(0, 7) >= firstDay().slice(0, 7));

// --- drawing -----------------------------------------------------------------------------------------------------

const casesById = () => new Map((data.cases ?? []).map((row) => [row.case_id, row]));

const announced = (alert) => alert.state === "firing" && alert.severity !== "info";

/** Say to a screen reader what fires now and did not before, in one sentence however many; of other workers' too. */
function announce(before, alerts) {
  if (before === null) return;
  const known = new Set(before.filter(announced).map((alert) => alert.alert_id));
  const fresh = alerts.filter((alert) => announced(alert) && !known.has(alert.alert_id));
  if (fresh.length === 0) return;
  const more = fresh.length > 1 ? ` ${fresh.length} 条，其一` : "";
  byId("announcement").textContent = `新预警${more}：${fresh[0].title}`;
}

const drawAlerts = () => data.alerts && showAlerts(data.alerts, casesById(), clock.now(), drawAlerts);
const drawCases = () => showCases(data.cases, clock.now(), drawCases);
const drawCategories = () => data.category && data.days
  && showCategories(data.category, sum(within(data.days, "day"), "bad"), data.weeks ?? [], clock.now());

function drawPeriod() {
  const days = within(data.days, "day");
  showFigures({ days, channels: within(data.channel, "day"), months: within(data.months, "month"), cases: data.cases, today: today(clock.now()) });
  if (days) showTrend(days);
  if (data.recurrence) showRecurrence(within(data.recurrence, "month"));
  drawCategories();
}

function drawClock() {
  const now = clock.now();
  const label = clock.byEvents ? ["数据时间", "replay"] : ["现在", "now"];
  byId("clock").replaceChildren(label[0], " ", local(now).replace("T", " ").slice(0, clock.byEvents ? 16 : 19), " ", en(label[1]));
  tick(now);
}

// --- reading -----------------------------------------------------------------------------------------------------

const troubles = new Map(); // view and dimension → [view, error]

/** Read one view; say on the board when it cannot be read, and keep what was read before. */
async function read(name, parameters, take) {
  const which = `${name} ${parameters.dimension}`;
  try {
    take(await view(name, { limit: EVERYTHING, ...parameters }));
    troubles.delete(which);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    troubles.set(which, [name, error.message]);
    throw error;
  } finally {
    showState();
  }
}

const readers = {
  days: new Refresher(() => read("bi_daily", { dimension: "district" }, (rows) => {
    const before = firstDay();
    data.days = rows.sort((a, b) => (a.day < b.day ? -1 : 1));
    if (rows.length > 0) clock.seeDay(rows[rows.length - 1].day);
    if (firstDay() !== before) touch("channel", "category", "hall"); // the first answer, or a new year
    drawPeriod();
  }), LIVE),
  channel: new Refresher(() => read("bi_daily", { dimension: "channel", day_from: firstDay() }, (rows) => {
    data.channel = rows;
    drawPeriod();
  }), HEAVY),
  category: new Refresher(() => read("bi_daily", { dimension: "category", day_from: firstDay() }, (rows) => {
    data.category = rows.sort((a, b) => (a.day < b.day ? -1 : 1));
    drawCategories();
  }), HEAVY),
  hall: new Refresher(() => read("bi_daily", { dimension: "hall", day_from: firstDay() }, (rows) => {
    showHalls(rows.sort((a, b) => (a.day < b.day ? -1 : 1)));
  }), HEAVY),
  alerts: new Refresher(() => read("bi_alerts", {}, (rows) => {
    announce(data.alerts, rows);
    data.alerts = rows;
    clock.seeAlerts(rows);
    drawAlerts();
  }), LIVE),
  cases: new Refresher(() => read("bi_cases", {}, (rows) => {
    data.cases = rows;
    clock.seeCases(rows);
    drawCases();
    drawAlerts();
    drawPeriod();
  }), LIVE),
  months: new Refresher(() => read("bi_timeliness", {}, (rows) => {
    data.months = rows;
    drawPeriod();
  }), LIVE),
  recurrence: new Refresher(() => read("bi_recurrence", {}, (rows) => {
    data.recurrence = rows;
    drawPeriod();
  }), HEAVY),
  weeks: new Refresher(() => read("bi_category_trend", {}, (rows) => {
    data.weeks = rows;
    drawCategories();
  }), HEAVY),
};

const touch = (...names) => names.forEach((name) => readers[name].touch());
const touchAll = () => Object.values(readers).forEach((reader) => reader.hurry());

const TOUCHED = {
  bad_review: ["days", "channel", "category", "hall", "recurrence", "weeks"],
  alert: ["alerts"],
  case: ["cases", "months"],
};

// --- the worker's state -------------------------------------------------------------------------------------------

let streaming = null; // null until the stream has opened or failed for the first time
let answer = null; // of /readyz; null: none
let loggedOut = false; // a proxy wants a log-in
let asked = false; // whether there is or could have been an answer

const LINKS = {
  connecting: ["正在连接", "connecting"],
  live: ["实时", "live"],
  recovering: ["恢复中", "recovering"],
  failing: ["读取失败，自动重试", "reading fails, retrying"],
  deaf: ["实时中断，自动重连", "no live events, retrying"],
  away: ["已断开，自动重连", "disconnected, retrying"],
  out: ["需要重新登录", "logged out"],
};

function linkState() {
  if (!asked) return "connecting";
  if (loggedOut) return "out";
  if (!answer) return "away";
  if (!answer.ready) return "recovering";
  if (troubles.size > 0) return "failing";
  return { true: "live", false: "deaf", null: "connecting" }[streaming];
}

function showState() {
  const link = linkState();
  const box = byId("link");
  if (box.dataset.link !== link) {
    box.dataset.link = link;
    byId("link-text").replaceChildren(...both(LINKS[link]));
  }
  const lag = answer?.lag;
  fillWith(byId("lag"),
    `积压 ${lag === null || lag === undefined ? "—" : `${whole(lag)} 条`}${answer?.idle ? " · 空闲" : ""} `, en(answer?.idle ? "lag · idle" : "lag"));
  byId("lag").dataset.behind = String((lag ?? 0) > 10_000);
  showTrouble(link);
  document.body.dataset.state = link === "away" || link === "out" || troubles.size > 0 ? "error" : !data.days ? "loading" : data.days.length > 0 ? "full" : "empty";
  byId("empty").hidden = document.body.dataset.state !== "empty" || !answer?.ready;
}

function showTrouble(link) {
  const box = byId("trouble");
  let told = null;
  if (link === "out") {
    told = ["登录已失效，请刷新本页重新登录；页面上是此前的数据。", "Your log-in has ended: reload this page. What is shown is from before."];
  } else if (link === "away") {
    told = ["连不上工作进程，正在自动重试；页面上是断开前的数据。", "The worker does not answer; retrying. What is shown is from before."];
  } else if (link === "recovering") {
    told = ["工作进程正在恢复状态或等待数据库，数据可能不全。", "The worker is recovering its state or waiting for its database."];
  } else if (troubles.size > 0) {
    const failed = [...new Map(troubles.values())];
    const names = failed.map(([name]) => words.view(name).join(" "));
    told = [`读取失败：${names.join("、")}；正在自动重试，显示的是此前的数据。`, `Retrying; what is shown is from before. ${failed[0][1]}`];
  }
  const text = told?.join() ?? "";
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.hidden = !told;
  box.replaceChildren(...(told ? both(told) : []));
}

async function poll() {
  const before = answer;
  try {
    answer = await readiness();
    loggedOut = false;
    clock.tell(answer);
    tellLeads(answer.lead_hours);
    if (answer.ready && !before?.ready && asked) touchAll();
    else if (answer.ready && streaming === false && !document.hidden) touch(...Object.keys(readers)); // a proxy may let no events through
  } catch (error) {
    answer = null;
    loggedOut = error instanceof LoggedOut;
  }
  asked = true;
  showState();
  setTimeout(poll, answer?.ready ? POLL : POLL / 2);
}

// --- from here on ----------------------------------------------------------------------------------------------

choice(byId("period"), [["year", ["今年以来", "this year"]], ["months", ["近 12 个月", "12 months"]]], period, (chosen) => {
  period = chosen;
  touch("channel", "category", "hall");
  drawPeriod();
});
setUpAlerts(() => drawAlerts());
setUpTrend();
setUpRankings();
touchAll();
poll();
listen(Object.keys(TOUCHED), {
  heard(kind, event) {
    if (kind === "bad_review") clock.seeReview(event);
    touch(...TOUCHED[kind]);
  },
  opened() {
    if (streaming === false) touchAll(); // what happened meanwhile, nobody told
    streaming = true;
    showState();
  },
  closed() {
    streaming = false;
    showState();
  },
});
setInterval(drawClock, 1000);
setInterval(() => document.hidden || touch(...Object.keys(readers)), UNTOLD);
drawClock();
