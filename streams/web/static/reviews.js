// The bad reviews behind an alert, and where each stands.

import { comment } from "./comment.js";
import { both, en, h } from "./dom.js";
import { stamp } from "./time.js";
import * as words from "./words.js";

const STATES = {
  open: ["待回访", "to call back"],
  called_back: ["已回访，待整改", "called back"],
  rectified: ["已整改，待回复", "rectified"],
  closed: ["已办结", "closed"],
  dismissed: ["核实不成立", "dismissed"],
};

/** A list of the reviews named, from their cases; one not known here is its id alone. */
export function reviewList(ids, cases, now) {
  return h("ul", { class: "reviews" }, ids.map((id) => {
    const row = cases.get(id);
    if (!row) return h("li", null, h("code", null, id));
    return h("li", null,
      h("p", { class: "meta" },
        h("time", { datetime: row.occurred_at }, stamp(row.occurred_at, now)), " · ",
        words.place(row).map((part) => `${part} · `),
        both(words.rating(row.rating)), " · ", row.service_name || row.service_id || words.channel(row.channel)[0],
        " · ", both(STATES[row.state] ?? [row.state, ""]), " ", h("code", null, id)),
      comment(row.comment),
      row.measure && h("p", { class: "measure" }, "措施 ", en("measure"), "：", row.measure),
      outcome(row),
    );
  }));
}

/**
 * Whether rectification held, which is told of the person; nothing where it cannot be told yet. A queue is nobody's
 * fault, and who served there may sit elsewhere by now: of such a case only that the like was said again.
 */
function outcome({ staff_id: staff, cause, relapsed, clean_days: clean }) {
  if (!staff || clean === null || clean === undefined) return null;
  const personal = cause === "conduct" || cause === "mixed";
  if (relapsed) {
    return h("p", { class: personal ? "relapsed" : "again" }, `整改 ${clean} 天后${personal ? "同一人员" : ""}又有同类差评 `, en(`again after ${clean} d`));
  }
  return personal && clean > 0 && h("p", { class: "measure" }, `整改后 ${clean} 天，同一人员无同类差评 `, en(`none of the kind for ${clean} d since`));
}

/** Labels of what a review complains about. */
export const categoryTags = (categories) =>
  (categories ?? []).length > 0 && h("ul", { class: "tags", "aria-label": "类别 Categories" },
    categories.map((name) => h("li", null, both(words.category(name)))));
