// Deadlines that run: every element with data-due says how long is left, or how long overdue.

import { en, h } from "./dom.js";
import { instant, span } from "./time.js";

/** An element that counts down to `due`; turns amber `soon` milliseconds before. */
export function countdown(due, soon, now) {
  const node = h("span", { class: "countdown", "data-due": due, "data-soon": soon });
  update(node, now);
  return node;
}

/** Once a second. */
export function tick(now) {
  document.querySelectorAll("[data-due]").forEach((node) => update(node, now));
}

function update(node, now) {
  const left = instant(node.dataset.due) - now;
  const [chinese, english] = span(left);
  const late = left < 0;
  const text = late ? `逾期 ${chinese}` : `剩 ${chinese}`;
  if (node.firstChild?.textContent === text) return;
  node.dataset.pace = late ? "late" : left <= Number(node.dataset.soon) ? "soon" : "calm";
  node.replaceChildren(h("span", null, text), " ", en(late ? `${english} late` : `${english} left`));
}
