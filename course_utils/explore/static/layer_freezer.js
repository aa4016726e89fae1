import { button, commit, control, element, explorerOf, liveText, onPresenter, press, watch } from "./explorer.js";

const count = (number) => number.toLocaleString("en");
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** What a choice has brought: a bar to the mean, a dot a seed. */
function barOf(run) {
  const track = element("span", { class: "cu-freeze-track", "aria-hidden": "true" }, element("i", { style: `width:${100 * mean(run.accuracies)}%` }));
  for (const value of run.accuracies) track.append(element("b", { style: `left:${100 * value}%` }));
  return track;
}

function draw(root, model, signal) {
  const { parts, runs, note } = model.get("header");
  const whole = parts.reduce((sum, part) => sum + part.parameters, 0), largest = Math.max(...parts.map((part) => part.parameters));
  const chosen = () => new Set(model.get("trainable"));
  const choose = (names) => commit(model, { trainable: parts.map(({ name }) => name).filter((name) => names.has(name)) });
  const present = () => runs.findIndex((run) => run.parts.join("\n") === parts.map(({ name }) => name).filter((name) => chosen().has(name)).join("\n"));

  const boxes = parts.map(({ name, parameters }) => {
    const flip = () => { const names = chosen(); box.checked ? names.add(name) : names.delete(name); choose(names); };
    const box = control("input", { type: "checkbox", onchange: flip });
    const share = element("i", { class: "cu-freeze-share", style: `width:${(100 * parameters) / largest}%` });
    const state = element("span", { class: "cu-freeze-state" });
    const row = element("label", { class: "cu-freeze-part" }, box, element("span", {}, name), state, element("span", { class: "cu-freeze-count" }, count(parameters)), share);
    return { name, box, row, state };
  });
  const total = element("p", { class: "cu-freeze-total" });
  const bars = runs.map((run) => {
    const values = run.accuracies, spread = `${mean(values).toFixed(2)}`;
    const range = values.length > 1 ? ` (${values.length} seeds, ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})` : " (one run)";
    return button("", () => choose(new Set(run.parts)), { class: "cu-freeze-run", "aria-label": `${run.label}: target accuracy ${spread}${range}` });
  });
  bars.forEach((bar, i) => bar.append(element("span", {}, runs[i].label), element("strong", {}, mean(runs[i].accuracies).toFixed(2)), barOf(runs[i])));
  const ticks = element("div", { class: "cu-freeze-axis", "aria-hidden": "true" }, ...["0", "0.5", "1"].map((tick) => element("span", {}, tick)));
  const live = liveText();
  root.append(element("div", { class: "cu-freeze" },
    element("div", {}, element("h2", {}, "Which parts are trained?"), ...boxes.map(({ row }) => row), total, note ? element("p", { class: "cu-freeze-note" }, note) : null),
    element("div", {}, element("h2", {}, "Target accuracy by what is trained"), ...bars, runs.length ? ticks : null, live)));

  const paint = () => {
    const names = chosen(), at = present();
    let trained = 0;
    for (const [i, { name, box, row, state }] of boxes.entries()) {
      box.checked = names.has(name);
      row.classList.toggle("cu-freeze-on", box.checked);
      state.textContent = box.checked ? "trained" : "frozen";
      if (box.checked) trained += parts[i].parameters;
    }
    total.textContent = `${count(trained)} of ${count(whole)} parameters are trained, ${((100 * trained) / whole).toFixed(trained && trained < whole / 100 ? 1 : 0)} %.`;
    bars.forEach((bar, i) => press(bar, i === at));
    live.textContent = at < 0 ? "No run was made of this choice." : `${runs[at].label}: ${mean(runs[at].accuracies).toFixed(2)}, ${runs[at].accuracies.length === 1 ? "one run" : `mean of ${runs[at].accuracies.length} seeds`}.`;
    root.dataset.painted = parts.map(({ name }) => name).filter((name) => names.has(name)).join("+") || "nothing";
  };
  const step = (by) => runs.length && choose(new Set(runs[Math.min(runs.length - 1, Math.max(0, present() + by))].parts));
  watch(model, ["trainable"], paint, signal);
  onPresenter(root, { next: () => step(1), previous: () => step(-1) });
  paint();
}

export default explorerOf(draw);
