// Reviews and bad reviews over time, one above the other: some thousand to one, they share no scale.

import { byId, choice, en, fillWith, h, svg } from "./dom.js";
import { whole } from "./numbers.js";
import { plusDays, weekday } from "./time.js";

const HEIGHT = { bad: 84, gap: 22, reviews: 66, foot: 20, head: 14 };
const LEFT = 44;
const RIGHT = 8;

let unit = "day";
let days = null; // until they have been read
let columns = [];
let at = null; // the column read out

/** Build the switch and follow the panel's width. */
export function setUpTrend() {
  choice(byId("trend-unit"), [["day", ["日", "day"]], ["week", ["周", "week"]]], unit, (chosen) => {
    unit = chosen;
    at = null;
    draw();
  });
  new ResizeObserver(draw).observe(byId("trend-chart"));
}

/** `rows`: bi_daily of the district, oldest first. */
export function showTrend(rows) {
  days = everyDay(rows);
  if (at !== null && at >= days.length) at = null;
  draw();
}

/** A day without reviews is a day with none. */
function everyDay(rows) {
  const known = new Map(rows.map((row) => [row.day, row]));
  const all = [];
  for (let day = rows[0]?.day; day && day <= rows[rows.length - 1].day; day = plusDays(day, 1)) {
    const row = known.get(day);
    all.push({ day, days: 1, reviews: row?.reviews ?? 0, bad: row?.bad ?? 0 });
  }
  return all;
}

/** Weeks begin on Monday; the first and the last may have fewer than seven days. */
function weeks() {
  const all = [];
  for (const each of days) {
    if (all.length === 0 || weekday(each.day) === 1) all.push({ day: each.day, days: 0, reviews: 0, bad: 0 });
    const week = all[all.length - 1];
    week.days += 1;
    week.reviews += each.reviews;
    week.bad += each.bad;
  }
  return all;
}

function draw() {
  if (days === null) return;
  const parent = byId("trend-chart");
  const width = Math.floor(parent.clientWidth);
  columns = unit === "week" ? weeks() : days;
  if (columns.length === 0 || width < 120) {
    fillWith(parent, h("p", { class: "nothing" }, "暂无数据 ", en("no data yet")));
    return;
  }
  const spare = Math.max(-70, parent.clientHeight - 30 - total()); // the panel's height is given, the bands share it
  const tall = { ...HEIGHT, bad: HEIGHT.bad + Math.floor(spare * 0.55), reviews: HEIGHT.reviews + Math.floor(spare * 0.45) };
  const step = (width - LEFT - RIGHT) / columns.length;
  const badFoot = tall.head + tall.bad;
  const foot = badFoot + tall.gap + tall.reviews;
  const mark = svg("rect", { class: "mark", y: tall.head, height: foot - tall.head, width: Math.max(step, 1.5), visibility: "hidden" });
  const readout = h("p", { class: "readout", "aria-live": "polite" });

  const read = (column) => {
    at = column;
    mark.setAttribute("visibility", column === null ? "hidden" : "visible");
    if (column !== null) mark.setAttribute("x", LEFT + column * step);
    readout.replaceChildren(...say(column));
  };
  const pointed = (event) => {
    const x = event.clientX - picture.getBoundingClientRect().left - LEFT;
    const column = Math.floor(x / step);
    read(column >= 0 && column < columns.length ? column : null);
  };
  const pressed = (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    read(Math.min(columns.length - 1, Math.max(0, (at ?? columns.length) + moves[event.key])));
  };
  const picture = svg("svg", {
    width, height: foot + tall.foot, viewBox: `0 0 ${width} ${foot + tall.foot}`, role: "img", tabindex: 0, "aria-label": label(),
    pointermove: pointed, pointerdown: pointed, pointerleave: () => read(null), keydown: pressed,
  },
    mark,
    ...band("bad", tall.head, tall.bad, step, width),
    ...band("reviews", badFoot + tall.gap, tall.reviews, step, width),
    ...months(foot, step),
  );
  const focused = parent.contains(document.activeElement);
  read(at);
  fillWith(parent, h("div", null, readout, picture)); // one child: a picture and what it reads out stay together
  if (focused) parent.querySelector("svg")?.focus({ preventScroll: true });
}

const total = () => HEIGHT.head + HEIGHT.bad + HEIGHT.gap + HEIGHT.reviews + HEIGHT.foot;

/** One measure's columns over its own scale, as one path: 242 days are one element, not 242. */
function band(field, top, height, step, width) {
  const highest = nice(Math.max(...columns.map((column) => column[field])));
  const thick = Math.max(step > 4 ? step - (step > 12 ? 3 : 1) : step, 1);
  const bars = (some) => some.map(({ column, number }) => {
    const tall = (column[field] / highest) * height;
    return tall > 0 ? `M${(LEFT + number * step).toFixed(1)} ${top + height}v${(-tall).toFixed(1)}h${thick.toFixed(1)}v${tall.toFixed(1)}z` : "";
  }).join("");
  const numbered = columns.map((column, number) => ({ column, number }));
  const whole7 = ({ column }) => unit === "day" || column.days === 7;
  return [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: top, y2: top }),
    svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: top + height, y2: top + height }),
    svg("text", { class: "scale", x: LEFT - 6, y: top + 4, "text-anchor": "end" }, short(highest)),
    svg("text", { class: "scale", x: LEFT - 6, y: top + height, "text-anchor": "end" }, "0"),
    svg("text", { class: `name ${field}`, x: LEFT, y: top - 4 }, field === "bad" ? "差评 bad" : "评价 reviews"),
    svg("path", { class: `bars ${field}`, d: bars(numbered.filter(whole7)) }),
    svg("path", { class: `bars ${field} partial`, d: bars(numbered.filter((each) => !whole7(each))) }),
  ];
}

function months(foot, step) {
  const marks = [];
  let free = 0;
  columns.forEach(({ day }, number) => {
    const first = number === 0 || day.slice(0, 7) !== columns[number - 1].day.slice(0, 7);
    const x = LEFT + number * step;
    if (!first) return;
    marks.push(svg("line", { class: "axis", x1: x, x2: x, y1: foot, y2: foot + 4 }));
    // A month's width holds no year as well, so a January within is its year; the readout has the years of all.
    const text = day.slice(5, 7) === "01" && number > 0 ? `${day.slice(0, 4)}年` : `${Number(day.slice(5, 7))}月`;
    const wide = text.length * 6 + 6;
    const from = Math.min(x + 2, LEFT + step * columns.length - wide); // the last month may have begun today
    if (from < free) return;
    marks.push(svg("text", { class: "scale", x: from, y: foot + 15 }, text));
    free = from + wide;
  });
  return marks;
}

/** The next 1, 2 or 5 times a power of ten. */
function nice(highest) {
  const power = 10 ** Math.floor(Math.log10(Math.max(highest, 1)));
  return [1, 2, 5, 10].find((step) => step * power >= highest) * power;
}

const short = (number) => (number >= 10_000 ? `${number / 10_000}万` : String(number));

function say(column) {
  if (column === null) {
    const bad = days.reduce((sum, day) => sum + day.bad, 0);
    return [`${days[0].day} 至 ${days[days.length - 1].day}，差评 ${whole(bad)} 条 `, en("bad reviews in all")];
  }
  const { day, days: length, reviews, bad } = columns[column];
  const when = unit === "week" ? `${day} 起 ${length} 天` : `${day} 周${"一二三四五六日"[weekday(day) - 1]}`;
  return [`${when}：评价 ${whole(reviews)} `, en("reviews"), ` · 差评 ${whole(bad)} `, en("bad")];
}

function label() {
  const worst = days.reduce((most, day) => (day.bad > most.bad ? day : most));
  return `每${unit === "week" ? "周" : "日"}评价与差评，${days[0].day} 至 ${days[days.length - 1].day}；差评最多的一天 ${worst.day}，${worst.bad} 条。方向键逐个读出。 Arrow keys read out each ${unit}.`;
}
