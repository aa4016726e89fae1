// What every explorer shares: reading the payload, accessible controls, the theme, and a message instead of a blank.

/** @typedef {{get: Function, set: Function, on: Function, off: Function, save_changes: Function}} Model */

/**
 * The default export of an explorer: draws it, and shows a message wherever it cannot be drawn.
 * @param {(root: HTMLElement, model: Model, signal: AbortSignal) => void} draw may be async
 */
export function explorerOf(draw) {
  return {
    async render({ model, el, signal = new AbortController().signal }) {
      const root = element("div", { class: "cu-explore" });
      el.replaceChildren(root);
      followTheme(root, signal);
      const told = model.get("message");
      if (told) return say(root, told);
      try {
        await draw(root, model, signal);
      } catch (error) {
        console.error(error);
        root.replaceChildren();
        return say(root, `This explorer could not be drawn: ${error.message}. Run the cell again, or reload the page.`);
      }
      // told when the kernel goes or comes back; which of the two, only the view's own model knows
      model.on("comm_live_update", function () {
        this?.model?.comm_live ? unsay(root) : say(root, DEAF);
      });
    },
  };
}

const DEAF = "No kernel is behind this explorer: it plays on, but Python does not hear of a selection. Run the cell again.";

/** Shows a sentence at the top of the explorer, in place of the last one. */
export function say(root, sentence) {
  unsay(root);
  root.prepend(element("p", { class: "cu-message", role: "status" }, sentence));
  if (!root.dataset.painted) root.dataset.painted = "message";
}

const unsay = (root) => root.querySelector(":scope > .cu-message")?.remove();

/** Listens to traits for as long as the view lives. */
export function watch(model, names, callback, signal) {
  for (const name of names) {
    model.on(`change:${name}`, callback);
    signal.addEventListener("abort", () => model.off(`change:${name}`, callback));
  }
}

/** Sets traits and sends them to Python. */
export function commit(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

const TYPES = {
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array, float64: Float64Array,
};

/**
 * The payload's arrays by name, views into one buffer, each with its `shape`.
 * @param {Model} model
 */
export function arraysOf(model) {
  const raw = model.get("data");
  // copied, since a view of floats must begin at a multiple of its width
  const buffer = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength);
  const entries = Object.entries(model.get("header").arrays).map(([name, { dtype, shape, offset }]) => {
    const array = new TYPES[dtype](buffer, offset, shape.reduce((a, b) => a * b, 1));
    return [name, Object.assign(array, { shape })];
  });
  return Object.fromEntries(entries);
}

/** An element: attributes by name, listeners as `onclick: fn`, then its children. */
export function element(tag, attributes = {}, ...children) {
  const space = ["svg", "g", "path", "line", "text", "rect", "circle", "title"].includes(tag) && "http://www.w3.org/2000/svg";
  const made = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** A native control. JupyterLab takes arrow keys away from a focused element that does not carry the attribute. */
export function control(tag, attributes, ...children) {
  return element(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);
}

export function button(label, onclick, attributes = {}) {
  return control("button", { type: "button", onclick, ...attributes }, label);
}

/** A labelled range input; `oninput` gets the number. The label is its accessible name. */
export function range(label, { min = 0, max, step = 1, value, oninput }) {
  const input = control("input", { type: "range", min, max, step, value, oninput: () => oninput(Number(input.value)) });
  const shown = element("span", { class: "cu-label" }, label);
  return Object.assign(element("label", { class: "cu-range" }, shown, input), { input, shown });
}

/** A labelled select of names; `onchange` gets the position. */
export function choice(label, names, value, onchange) {
  const options = names.map((name, i) => element("option", { value: i, selected: i === value }, name));
  const select = control("select", { onchange: () => onchange(Number(select.value)) }, ...options);
  return Object.assign(element("label", { class: "cu-choice" }, element("span", { class: "cu-label" }, label), select), { select });
}

/** A button that stays pressed; `onclick` gets the new state. */
export function toggle(label, pressed, onclick, attributes = {}) {
  const made = button(label, () => { const now = made.getAttribute("aria-pressed") !== "true"; press(made, now); onclick(now); },
    { "aria-pressed": String(pressed), ...attributes });
  return made;
}
export const press = (made, pressed) => made.setAttribute("aria-pressed", String(pressed));

/** A text that screen readers speak when it changes; of the class "cu-hidden" it is for them alone. */
export const liveText = (look = "cu-live") => element("p", { class: look, "aria-live": "polite" });

/** The keys of the presenter, as far as this explorer knows what they mean: next, previous, switch, back, play. */
export function onPresenter(root, actions) {
  root.addEventListener("presenter", (event) => actions[event.detail]?.());
}

/** Whether the reader asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Keeps `data-theme` at what JupyterLab, or else the browser, shows; tells the root with a "theme" event. */
function followTheme(root, signal) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const update = () => {
    const lab = document.body.dataset.jpThemeLight;
    const theme = (lab ? lab === "false" : dark.matches) ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    root.dispatchEvent(new CustomEvent("theme"));
  };
  const observer = new MutationObserver(update);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  dark.addEventListener("change", update, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
  update();
}

/** Puts off what stands beside a picture to the frame after the picture's; of several calls the last counts. */
export function afterFrame() {
  let waiting = null;
  const run = () => { const task = waiting; waiting = null; task(); };
  return (task) => {
    if (!waiting) requestAnimationFrame(() => requestAnimationFrame(run));
    waiting = task;
  };
}

/** Gives a canvas as many pixels as the screen has, and a context that counts in CSS pixels. */
export function sized(canvas, width, height, options) {
  const sharp = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: Math.round(width * sharp), height: Math.round(height * sharp) });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d", options);
  context.setTransform(sharp, 0, 0, sharp, 0, 0);
  return context;
}

/** The paper of both themes, as in explorer.css. */
export const PAPER = { light: "#ffffff", dark: "#17181b" };
const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const luminance = (hex) => {
  const [r, g, b] = channels(hex).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
/** WCAG's contrast of two colours, 1 to 21. */
export function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
/** The colour itself, or as much darker (lighter in the dark) as an outline needs to be seen on paper: 3 to 1. */
export function readable(colour, theme) {
  const goal = theme === "dark" ? 255 : 0;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = "#" + channels(colour).map((c) => Math.round(c + (goal - c) * share).toString(16).padStart(2, "0")).join("");
    if (contrast(mixed, PAPER[theme]) >= 3) return mixed;
  }
  return theme === "dark" ? "#ffffff" : "#000000";
}
