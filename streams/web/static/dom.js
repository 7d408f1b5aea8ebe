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
 * Make `list` show `items`, one node each, leaving nodes alone whose item did not change: what a reader has opened
 * or focused stays as it is. `sign(item)` says what the node shows; `make(item)` builds it.
 */
export function reconcile(list, items, key, sign, make) {
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
        keepOpen(entry.node, node);
        if (place === entry.node) place = node;
        entry.node.replaceWith(node);
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
}

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

/**
 * The last row of a list that shows not all; `all()` draws all. The keyboard goes on at the first row that was not
 * there before, else at the beginning of the page.
 */
export function moreRow(list, chinese, all) {
  const row = h("li", { class: "more" }, h("button", { type: "button", click: () => {
    const at = [...list.children].indexOf(row);
    all();
    list.children[at].tabIndex = -1;
    list.children[at].focus({ preventScroll: true });
  } }, both([chinese, "show all"])));
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
