import { fillScreen, present } from "./presenter.js";

// The page's own lines: what a kernel does for a widget in a notebook, and the presenter's keys.

/** A model with anywidget's interface and nobody behind it. */
class PageModel {
  #values;
  #events = new EventTarget();
  #listeners = new Map();

  constructor(values) { this.#values = values; }
  get(name) { return this.#values[name]; }
  set(name, value) {
    if (Object.is(this.#values[name], value)) return;
    this.#values[name] = value;
    this.#events.dispatchEvent(new CustomEvent(`change:${name}`));
  }
  on(name, callback) {
    const listener = () => callback();
    this.#listeners.set(callback, listener);
    this.#events.addEventListener(name, listener);
  }
  off(name, callback) { this.#events.removeEventListener(name, this.#listeners.get(callback)); }
  save_changes() {}
  send() {}
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new DataView(await new Response(stream).arrayBuffer());
}

// page.html#stage is the page in large type
const staged = location.hash === "#stage";
document.documentElement.classList.toggle("cu-stage", staged);

const payload = JSON.parse(document.getElementById("payload").textContent);
const values = { ...payload.state };
for (const [name, text] of Object.entries(payload.packed)) values[name] = await inflated(text);
const el = document.getElementById("explorer");
await explorer.render({ model: new PageModel(values), el });

const tell = (what) => () => el.firstElementChild.dispatchEvent(new CustomEvent("presenter", { detail: what }));
const steps = { PageDown: tell("next"), PageUp: tell("previous"), s: tell("switch"), S: tell("back"), p: tell("play") };
// only before a class: a reader scrolls by arrow keys
const arrows = { ArrowRight: tell("next"), ArrowLeft: tell("previous"), ArrowDown: tell("switch"), ArrowUp: tell("back") };
const ask = (key) => () => parent.postMessage(key, "*"); // the overview of a demo fills the screen and takes pages away
const alone = parent === self;
const frame = alone ? { f: () => fillScreen(document.documentElement) } : { f: ask("f"), o: ask("o") };
present({ ...steps, ...(staged ? arrows : {}), ...frame });
if (!alone) document.querySelector("main").append(Object.assign(document.createElement("button"), { className: "cu-back", textContent: "All demos", onclick: ask("o") }));
document.querySelector(".cu-keys button").addEventListener("click", () => document.getElementById("keys").showModal());
