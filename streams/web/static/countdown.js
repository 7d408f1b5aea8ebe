// Deadlines that run: every element with data-due says how long is left, or how long overdue.

import { en, h } from "./dom.js";
import { instant, span } from "./time.js";

const HOUR = 3_600_000;

/** Hours before a duty is due that it turns amber; the worker says what the district has set. */
const lead = { callback: 4, rectify: 24 };

export const tellLeads = (hours) => Object.assign(lead, hours);

/** An element that counts down to `due`; turns amber the duty's lead before. `duty`: callback or rectify. */
export function countdown(due, duty, now) {
  const node = h("span", { class: "countdown", "data-due": due, "data-duty": duty });
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
  node.dataset.pace = late ? "late" : left <= lead[node.dataset.duty] * HOUR ? "soon" : "calm";
  if (node.firstChild?.textContent === text) return;
  node.replaceChildren(h("span", null, text), " ", en(late ? `${english} late` : `${english} left`));
}
