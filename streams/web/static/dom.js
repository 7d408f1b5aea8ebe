// Building elements. Text only ever becomes a text node: a citizen's comment cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element. Functions among the properties are listeners; null, undefined and false are left out. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** An SVG element. */
export const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

/** English beside the Chinese, smaller. */
export const en = (text) => h("span", { lang: "en" }, text);

export const byId = (id) => document.getElementById(id);

/** A word with its English: `pair` is [Chinese, English], as in words.js. */
export const both = ([chinese, english]) => [chinese, " ", en(english)];

/**
 * Make these the children of `parent`, leaving alone what looks the same: nobody who selects, or listens to a screen
 * reader, loses the place. A child's listeners are those of the child that stays.
 */
export function fillWith(parent, ...children) {
  const fresh = [...fill(new DocumentFragment(), null, children).childNodes];
  if (fresh.length !== parent.childNodes.length) parent.replaceChildren(...fresh);
  else fresh.forEach((node, at) => parent.childNodes[at].isEqualNode(node) || parent.childNodes[at].replaceWith(node));
}

/**
 * Make `list` show `items`, one node each, leaving nodes alone whose item did not change: what a reader has opened
 * or focused stays as it is. `sign(item)` says what the node shows; `make(item)` builds it.
 */
export function reconcile(list, items, key, sign, make) {
  let focused = list.contains(document.activeElement) ? document.activeElement : null;
  const known = list.shown ?? new Map();
  const shown = new Map();
  let place = list.firstChild;
  for (const item of items) {
    const id = key(item);
    const signature = sign(item);
    let entry = known.get(id);
    if (!entry || entry.signature !== signature) {
      const node = make(item);
      if (entry) {
        if (place === entry.node) place = node;
        focused = replace(entry.node, node, focused);
      } else if (list.shown) {
        node.classList.add("new");
      }
      entry = { signature, node };
    }
    shown.set(id, entry);
    if (place === entry.node) place = place.nextSibling;
    else list.insertBefore(entry.node, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  list.shown = shown;
  // A node that is moved loses the focus.
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

/** Put `after` where `before` is, as its reader has left that; returns what is to have the focus that `focused` had. */
function replace(before, after, focused) {
  const at = [...before.querySelectorAll(FOCUSABLE)].indexOf(focused);
  keepOpen(before, after);
  before.replaceWith(after);
  return at < 0 ? focused : after.querySelectorAll(FOCUSABLE)[at];
}

const FOCUSABLE = "summary, button";

function keepOpen(before, after) {
  const opened = before.querySelectorAll("details");
  after.querySelectorAll("details").forEach((details, at) => {
    details.open = opened[at]?.open ?? details.open;
  });
  const unfolded = before.querySelectorAll(".unfold");
  after.querySelectorAll(".unfold").forEach((button, at) => {
    if (unfolded[at]?.getAttribute("aria-expanded") === "true") button.click();
  });
}

/** What the button of a list says that shows so many of all: all the rest, or the next MORE. */
export const moreOf = (all, shown, measure) => (all - shown > MORE
  ? [`再显示 ${MORE} ${measure}（共 ${all} ${measure}）`, `${MORE} more of ${all}`]
  : [`显示全部 ${all} ${measure}`, "show all"]);

/**
 * The last row of a list that shows not all; `unfold()` draws more. The keyboard goes on at the first row that was not
 * there before, else at the beginning of the page.
 */
export function moreRow(list, words, unfold) {
  const row = h("li", { class: "more" }, h("button", { type: "button", click: () => {
    const at = [...list.children].indexOf(row);
    unfold();
    list.children[at].tabIndex = -1;
    list.children[at].focus({ preventScroll: true });
  } }, both(words)));
  return row;
}

/** A row of buttons of which one is pressed. `options`: [[value, [Chinese, English]], …] */
export function choice(parent, options, value, changed) {
  const buttons = options.map(([option, words]) =>
    h("button", {
      type: "button",
      "aria-pressed": String(option === value),
      click: (event) => {
        buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === event.currentTarget)));
        changed(option);
      },
    }, both(words)),
  );
  parent.replaceChildren(...buttons);
}

/** How many rows a list shows before one asks for all: a phone or a tablet scrolls the page, not the list. */
export const SHORT = window.matchMedia("(max-width: 999px)").matches ? 6 : 60;

/** How many rows more at a time: ten thousand at once hold a browser for a minute. */
export const MORE = 500;
