import { arraysOf, button, commit, element, explorerOf, liveText, onPresenter, range, toggle, watch } from "./explorer.js";
import { picture, picturesOf } from "./pictures.js";

const PATIENCE = 2000; // milliseconds after which a kernel that does not answer counts as gone
const ALONE = "No kernel draws here: one knob moves at a time, in steps that were drawn before.";
const UNITS = { rotation: "°" };

async function draw(root, model, signal) {
  const { knobs, levels, covers, frames, sheet } = model.get("header");
  const ready = await picturesOf(arraysOf(model).frames, frames);
  // a page has no widget manager, and nobody who answers
  let alone = !model.widget_manager, untouched = false, last = knobs[0].name, waiting = null, wanted = null, turn = 0;

  const value = (name) => model.get("knobs")[name] ?? 0;
  const written = (name, amount) => `${amount ? "±" : ""}${UNITS[name] ? Math.round(amount) : amount.toFixed(2)}${UNITS[name] ?? ""}`;
  const turned = () => knobs.filter(({ name }) => value(name) > 0);
  const said = () => turned().map(({ name }) => `${name} ${written(name, value(name))}`).join(", ") || "as taken";

  const answeredFor = () => {
    const drawn = model.get("rendered");
    return drawn.seed === model.get("seed") && knobs.every(({ name }) => (drawn[name] ?? 0) === value(name));
  };

  // -- the sheet: from the kernel's last message, or from the frames that were drawn before ---------------------------
  const canvases = Array.from({ length: sheet.count }, () => picture(sheet, null));
  const gallery = element("div", { class: "cu-augment-sheet", role: "img" }, ...canvases);
  const paint = async () => {
    const mine = ++turn;
    const on = turned();
    for (const { name } of knobs) {
      sliders[name].input.value = value(name);
      sliders[name].output.textContent = written(name, value(name));
      sliders[name].input.setAttribute("aria-valuetext", written(name, value(name)));
      rows[name]?.classList.toggle("cu-augment-on", value(name) > 0);
    }
    let place = (i) => i, source = ready;
    if (!untouched && on.length) {
      const same = answeredFor();
      if (!alone && !same) return; // the kernel's answer is on its way
      const knob = on.find(({ name }) => name === last) ?? on[0];
      const level = Math.round((value(knob.name) / knob.most) * levels);
      const frame = level ? 1 + knobs.indexOf(knob) * levels + level - 1 : 0;
      if (alone && !same) place = (i) => frame * sheet.count + i;
      else source = await picturesOf(model.get("sheet"), sheet);
    }
    if (mine !== turn || signal.aborted) return; // a later paint has begun
    canvases.forEach((canvas, i) => source(canvas, place(i)));
    const words = untouched ? "as taken" : said();
    gallery.setAttribute("aria-label", `${sheet.count} images, ${words}`);
    live.textContent = `${sheet.count} images, ${words}.`;
    root.dataset.painted = words;
  };

  // -- the knobs -----------------------------------------------------------------------------------------------------
  const send = (values) => {
    // one message at a time: a slider moves faster than a kernel answers
    if (waiting) { wanted = values; return; }
    const before = JSON.stringify(model.get("knobs"));
    commit(model, values);
    const changed = values.seed !== undefined || JSON.stringify(model.get("knobs")) !== before;
    if (alone || !changed) paint(); // a kernel does not answer where nothing has changed
    else waiting = setTimeout(() => { waiting = null; goAlone(); }, PATIENCE);
  };
  const answered = () => {
    clearTimeout(waiting);
    waiting = null;
    if (alone) { alone = false; note.textContent = ""; again.disabled = false; step(); }
    if (wanted) { const values = wanted; wanted = null; send(values); }
    paint();
  };
  const turnKnob = (name, amount) => {
    last = name;
    send({ knobs: alone ? { [name]: amount } : { ...model.get("knobs"), ...wanted?.knobs, [name]: amount } });
  };
  const sliders = {}, rows = {};
  const controls = knobs.map(({ name, most }) => {
    const knob = range(name, { max: most, step: "any", value: value(name), oninput: (amount) => turnKnob(name, amount) });
    sliders[name] = Object.assign(knob, { output: element("output", {}) });
    return element("div", { class: "cu-augment-knob" }, knob, sliders[name].output);
  });
  const step = () => knobs.forEach(({ name, most }) => { sliders[name].input.step = most / (alone ? levels : 20); });
  const note = element("p", { class: "cu-augment-note" });
  const goAlone = () => {
    alone = true;
    wanted = null;
    if (!answeredFor()) model.set("knobs", { [last]: value(last) });
    note.textContent = ALONE;
    again.disabled = true;
    step();
    paint();
  };
  const again = button("Draw again", () => send({ seed: model.get("seed") + 1 }));
  const live = liveText();
  const taken = toggle("As taken", false, (pressed) => { untouched = pressed; paint(); });
  const table = Object.keys(covers).length === 0 ? null : element("table", { class: "cu-augment-covers" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "knob"), element("th", { scope: "col" }, "the shift it covers"))),
    element("tbody", {}, ...Object.entries(covers).map(([name, shift]) => (rows[name] = element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, shift))))));
  root.append(element("div", { class: "cu-augment" }, element("div", { class: "cu-augment-stage" },
    element("div", { class: "cu-augment-left" }, ...controls,
      element("div", { class: "cu-row" }, button("All to zero", () => send({ knobs: {} })), again, taken), note),
    element("div", { class: "cu-augment-right" }, gallery, live), table)));
  step();
  if (alone) goAlone();

  watch(model, ["rendered"], answered, signal);
  watch(model, ["knobs"], () => alone && paint(), signal);
  signal.addEventListener("abort", () => clearTimeout(waiting));
  const nudge = (by) => {
    const { name, most } = knobs.find((knob) => knob.name === last);
    turnKnob(name, Math.min(most, Math.max(0, value(name) + (by * most) / levels)));
  };
  onPresenter(root, { next: () => nudge(1), previous: () => nudge(-1), switch: () => taken.click() });
  await paint();
}

export default explorerOf(draw);
