// What a person wrote: four lines of it, and the rest for whoever asks.

import { both, h } from "./dom.js";

/** How many lines a comment takes is known only where it stands; what is folded in `details` takes none yet. */
const watch = new ResizeObserver((seen) => seen.forEach(({ target: quote }) => {
  quote.nextElementSibling.hidden = quote.classList.contains("folded") && quote.scrollHeight <= quote.clientHeight + 1;
}));

/** The comment and, where it is long, a button; nothing for no comment. */
export function comment(text) {
  if (!text) return null;
  const quote = h("blockquote", { class: "folded" }, text);
  const button = h("button", { type: "button", class: "unfold", hidden: true, "aria-expanded": "false", click: () => say(!quote.classList.toggle("folded")) });
  const say = (open) => {
    button.setAttribute("aria-expanded", String(open));
    button.replaceChildren(...both(open ? ["收起", "less"] : ["展开", "more"]));
  };
  say(false);
  watch.observe(quote);
  return [quote, button];
}
