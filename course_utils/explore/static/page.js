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

const PRESENTER = { PageDown: "next", PageUp: "previous", s: "switch", p: "play" };

function present(el) {
  const blank = () => document.body.classList.toggle("cu-blank");
  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input:not([type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "b" || event.key === ".") blank();
    else if (event.key === "f") document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    else if (PRESENTER[event.key]) el.firstElementChild.dispatchEvent(new CustomEvent("presenter", { detail: PRESENTER[event.key] }));
    else return;
    event.preventDefault();
  });
}

const payload = JSON.parse(document.getElementById("payload").textContent);
const values = { ...payload.state };
for (const [name, text] of Object.entries(payload.packed)) values[name] = await inflated(text);
const el = document.getElementById("explorer");
await explorer.render({ model: new PageModel(values), el });
present(el);
