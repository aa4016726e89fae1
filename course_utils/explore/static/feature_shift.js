import { afterFrame, arraysOf, button, choice, commit, control, element, explorerOf, liveText, onPresenter, press, range, sized, toggle, watch } from "./explorer.js";
import { LOOK, Scatter, inks, tween } from "./scatter.js";
import { commonest, confusion } from "./confusion.js";
import { curves } from "./curves.js";
import { picture, picturesOf } from "./pictures.js";

const STEP = 650, HOLD = 350; // milliseconds of a move, and of the rest after it
const NAMED = 12; // classes whose names still fit on the map
const HUNG = 60; // selected images in the gallery
const SOURCE = 0, TARGET = 1;

/** A marker of a class and domain for the legend; the map's own are stamps. */
function chip(colour, domain, theme) {
  const { fill, rim } = inks(colour, theme);
  const shape = domain === SOURCE
    ? element("circle", { cx: 7, cy: 7, r: 4.6, fill, stroke: rim, "stroke-width": 1 })
    : element("path", { d: "M7 1.8 L12.2 11 L1.8 11 Z", fill: "none", stroke: rim, "stroke-width": 1.8, "stroke-linejoin": "round" });
  return element("svg", { viewBox: "0 0 14 14", class: "cu-chip", "aria-hidden": "true" }, shape);
}

const share = (part, whole) => (whole ? (part / whole).toFixed(2) : "none");
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

async function draw(root, model, signal) {
  const header = model.get("header"), data = arraysOf(model);
  const { classes, colours, strategies, n, domains } = header;
  const { labels, ids } = data, count = labels.length;
  const hang = data.sheet && (await picturesOf(data.sheet, header.sheet));
  if (signal.aborted) return;

  // -- what is shown, read from the traits -------------------------------------------------------------------------
  const within = (value, most) => Math.min(most, Math.max(0, value));
  const now = () => {
    const strategy = within(model.get("strategy"), strategies.length - 1);
    const place = within(model.get("epoch") - 1, strategies[strategy].epochs.length - 1);
    const kind = model.get("cold") && data[`cold/${strategy}`] ? "cold" : "warm";
    return { strategy, place, kind, key: `${strategy}:${place + 1}:${kind}` };
  };
  const row = (name, { strategy, place }) => {
    const width = data[`${name}/${strategy}`].shape.slice(1).reduce((a, b) => a * b, 1);
    return data[`${name}/${strategy}`].subarray(place * width, (place + 1) * width);
  };
  const mixOf = (strategy, kind) => { // the normalised mix over epochs; kinds lie as features, warm, cold
    const mix = data[`mix/${strategy}`], kinds = mix.shape[1];
    return Float32Array.from({ length: mix.shape[0] }, (_, e) => mix[2 * (e * kinds + kind) + 1]);
  };
  const pickedNow = () => {
    const raw = model.get("picked");
    return raw.byteLength ? new Uint32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength)) : new Uint32Array();
  };

  // -- the map -----------------------------------------------------------------------------------------------------
  const scatter = new Scatter({ labels, n, colours });
  const overlay = element("canvas", { class: "cu-over" });
  const tip = element("div", { class: "cu-tip", hidden: true, "aria-hidden": "true" });
  const map = control("div", {
    class: "cu-map", tabindex: 0, role: "application", "aria-roledescription": "map of points",
    "aria-label": `Map of ${plural(count, "image")}. Arrow keys step from point to point, Enter selects, Escape clears.`,
  }, scatter.canvas, overlay, tip);
  const live = liveText("cu-hidden"); // the tooltip and the panel show the same
  const later = afterFrame();
  let pen, style, anchors = [], hovered = -1, lasso = null, stop = () => {}, at = "", moving = 0, playing = null;

  const shown = (i) => {
    const only = model.get("classes"), sides = model.get("domains");
    return (!only.length || only.includes(labels[i])) && (!sides.length || sides.includes(i < n ? SOURCE : TARGET));
  };

  function paint() {
    scatter.paint();
    paintOver();
  }

  function paintOver() {
    const { ink, paper, mark, veil } = style;
    pen.clearRect(0, 0, scatter.side, scatter.side);
    Object.assign(pen, { lineWidth: 4, strokeStyle: paper, fillStyle: ink });
    for (const [name, i] of anchors) {
      pen.strokeText(name, scatter.x[i], scatter.y[i]);
      pen.fillText(name, scatter.x[i], scatter.y[i]);
    }
    if (hovered >= 0) {
      pen.beginPath();
      pen.arc(scatter.x[hovered], scatter.y[hovered], scatter.radius + 5, 0, 7);
      Object.assign(pen, { lineWidth: 2, strokeStyle: ink });
      pen.stroke();
    }
    if (lasso) {
      pen.beginPath();
      for (const [x, y] of lasso) pen.lineTo(x, y);
      pen.closePath();
      Object.assign(pen, { lineWidth: 1.5, strokeStyle: mark, fillStyle: veil });
      pen.fill();
      pen.stroke();
    }
  }

  /** For each class the point in the middle of it, of the source where that is shown, which carries the name. */
  function nameClasses() {
    const only = model.get("classes"), named = only.length ? only : classes.map((_, c) => c), { x, y } = scatter;
    anchors = named.length > NAMED ? [] : named.flatMap((c) => {
      const members = [];
      for (let i = 0; i < count && members.length < 80; i++) {
        if (i === n && members.length) break;
        if (labels[i] === c && shown(i)) members.push(i);
      }
      const apart = members.map((i) => members.reduce((sum, j) => sum + Math.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2), 0));
      return members.length ? [[classes[c], members[apart.indexOf(Math.min(...apart))]]] : [];
    });
  }

  function look() {
    scatter.looks.fill(LOOK.FAINT);
    const picked = pickedNow(), look = picked.length ? LOOK.REST : LOOK.SHOWN;
    for (let i = 0; i < count; i++) if (shown(i)) scatter.looks[i] = look;
    for (const i of picked) if (shown(i)) scatter.looks[i] = LOOK.PICKED;
  }

  /** Brings the map to what the traits say, at once or by a move. */
  function show() {
    const next = now();
    if (next.key === at) return;
    at = next.key;
    stop();
    point(-1);
    const from = scatter.now.slice(), to = row(next.kind, next);
    const arrive = () => { root.dataset.painted = next.key; };
    const frame = (part) => { scatter.place(from, to, part); paint(); };
    later(tell);
    if (moving) {
      stop = tween(moving, frame, () => { nameClasses(); paint(); arrive(); });
    } else {
      scatter.place(from, to, 1);
      nameClasses();
      paint();
      arrive();
    }
  }

  function go(changes, duration = 0) {
    moving = duration;
    commit(model, changes);
    show();
    moving = 0;
  }

  function repaint() { look(); nameClasses(); paint(); }

  /** Takes the room that there is; none while JupyterLab changes its style sheets or hides the cell. */
  function resize() {
    if (!stage.clientWidth) return;
    const side = Math.round(Math.max(260, Math.min(stage.clientWidth, window.innerHeight * 0.76, 1100)));
    if (side !== scatter.side) fit(side);
  }

  function fit(side) {
    map.style.width = `${side}px`;
    pen = sized(overlay, side, side);
    // asked for and set once a theme: after a change of the page the browser would work out every style anew
    const computed = getComputedStyle(root);
    style = Object.fromEntries(["ink", "paper", "mark", "veil"].map((name) => [name, computed.getPropertyValue(`--${name}`)]));
    const font = `600 ${Math.round(side / 42) + 2}px ${computed.fontFamily}`;
    Object.assign(pen, { font, textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    scatter.resize(side, root.dataset.theme);
    repaint();
  }

  // -- pointing and picking ----------------------------------------------------------------------------------------
  function describe(i) {
    const view = now(), guess = row("predicted", view)[i], sure = row("confidence", view)[i] / 255;
    const right = guess === labels[i];
    return {
      where: `${i < n ? "source" : "target"} ${domains[i < n ? SOURCE : TARGET]}, image ${ids[i]}`,
      truth: `true: ${classes[labels[i]]}`,
      guess: `${right ? "✓" : "✗"} predicted: ${classes[guess]}, ${sure.toFixed(2)} sure`,
    };
  }

  /** Rings a point and tells about it; -1 for none. */
  function point(i, aloud = false) {
    if (i === hovered && !aloud) return;
    hovered = i;
    map.dataset.point = i;
    tip.hidden = i < 0;
    if (pen) paintOver();
    if (i < 0) return;
    const { where, truth, guess } = describe(i);
    const shot = hang && picture(header.sheet, "");
    if (hang) hang(shot, i);
    tip.replaceChildren(...(hang ? [shot] : []), element("div", {}, element("strong", {}, truth), element("span", {}, guess), element("small", {}, where)));
    const left = scatter.x[i] > scatter.side / 2, low = scatter.y[i] > scatter.side / 2;
    Object.assign(tip.style, {
      left: left ? "auto" : `${scatter.x[i] + 14}px`, right: left ? `${map.clientWidth - scatter.x[i] + 14}px` : "auto",
      top: low ? "auto" : `${scatter.y[i] + 10}px`, bottom: low ? `${scatter.side - scatter.y[i] + 10}px` : "auto",
    });
    if (aloud) live.textContent = `${truth}, ${guess.slice(2)}, ${where}.`;
  }

  function pick(points) {
    const sorted = Uint32Array.from(new Set(points)).sort();
    commit(model, { picked: new DataView(sorted.buffer) });
    live.textContent = sorted.length ? `${plural(sorted.length, "image")} selected.` : "Nothing is selected.";
  }
  const pickWhere = (test) => pick(Uint32Array.from({ length: count }, (_, i) => i).filter((i) => shown(i) && test(i)));
  function pickUnsure() {
    const sure = row("confidence", now());
    const sorted = Array.from({ length: count }, (_, i) => i).filter(shown).sort((a, b) => sure[a] - sure[b]);
    pick(sorted.slice(0, Math.ceil(sorted.length / 10)));
  }

  const spot = (event) => { const box = overlay.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  map.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    lasso = [spot(event)];
    overlay.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    if (!lasso) return point(scatter.nearest(...spot(event)));
    lasso.push(spot(event));
    paintOver();
  });
  map.addEventListener("pointerup", (event) => {
    if (!lasso) return;
    const path = lasso, near = scatter.nearest(...path[0]);
    lasso = null;
    const found = path.length > 3 ? scatter.within(path) : near >= 0 ? [near] : [];
    pick(event.shiftKey ? [...pickedNow(), ...found] : found);
  });
  map.addEventListener("pointercancel", () => { lasso = null; paintOver(); });
  map.addEventListener("pointerleave", () => point(-1));
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  map.addEventListener("keydown", (event) => {
    if (ARROWS[event.key]) {
      const first = scatter.looks.findIndex((value) => value >= LOOK.REST);
      point(hovered < 0 ? first : scatter.towards(hovered, ...ARROWS[event.key]), true);
    } else if ((event.key === "Enter" || event.key === " ") && hovered >= 0) {
      const picked = new Set(pickedNow());
      picked.delete(hovered) || picked.add(hovered);
      pick(picked);
    } else if (event.key === "Escape") {
      hovered >= 0 ? point(-1) : pick([]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // -- the player --------------------------------------------------------------------------------------------------
  const epochs = () => strategies[now().strategy].epochs;
  const step = (by, duration = STEP) => go({ epoch: within(now().place + by, epochs().length - 1) + 1 }, duration);
  function play(on) {
    clearInterval(playing);
    playing = null;
    if (on) {
      const onward = () => (now().place === epochs().length - 1 ? play(false) : step(1));
      now().place === epochs().length - 1 ? go({ epoch: 1 }, STEP) : step(1);
      playing = setInterval(onward, STEP + HOLD);
    }
    player.textContent = on ? "Pause" : "Play";
  }
  const player = button("Play", () => play(!playing), { class: "cu-play" });
  const slider = range("epoch", { min: 1, max: 1, value: 1, oninput: (epoch) => { play(false); go({ epoch }); } });
  const strategy = strategies.length > 1 && choice("strategy", strategies.map((s) => s.name), 0, (value) => go({ strategy: value }, STEP));
  const cold = data["cold/0"] && toggle("Cold start", false, (value) => go({ cold: value }, STEP), {
    title: "Warm: a map starts from the one before, shrunk to a point. Cold: each starts anew, and judges the warm one.",
  });

  // -- the legend --------------------------------------------------------------------------------------------------
  const isolate = (trait, value) => (on) => {
    const others = model.get(trait).filter((v) => v !== value);
    commit(model, { [trait]: on ? [...others, value].sort((a, b) => a - b) : others });
  };
  const keys = {
    domains: [SOURCE, TARGET].map((d) => toggle(`${["source", "target"][d]} ${domains[d]}`, false, isolate("domains", d))),
    classes: classes.map((name, c) => toggle(name, false, isolate("classes", c))),
  };
  const everything = button("Show all", () => commit(model, { classes: [], domains: [] }));
  function markLegend() {
    const mark = (key, ...chips) => { key.querySelectorAll("svg").forEach((old) => old.remove()); key.prepend(...chips); };
    keys.domains.forEach((key, d) => mark(key, chip("#000000", d, root.dataset.theme)));
    keys.classes.forEach((key, c) => mark(key, chip(colours[c % colours.length], SOURCE, root.dataset.theme)));
  }
  function pressLegend() {
    for (const trait of ["domains", "classes"]) keys[trait].forEach((key, i) => press(key, model.get(trait).includes(i)));
    everything.disabled = !model.get("classes").length && !model.get("domains").length;
  }
  const pickClass = choice("Select class", ["choose", ...classes], 0, (value) => { if (value) pickWhere((i) => labels[i] === value - 1); });

  // -- the panels --------------------------------------------------------------------------------------------------
  const charts = element("div", { class: "cu-charts" }), verdict = element("p", { class: "cu-verdict" });
  const selected = element("section", { class: "cu-selected", "aria-label": "Selection" });
  let plots = [], charted = "", column = null;

  /** A chart over the epochs; a click on it goes to the nearest one. */
  function plot(title, lines, rows, limits) {
    const { epochs } = strategies[now().strategy], every = Math.ceil(epochs.length / 8);
    const finite = rows.flatMap((row) => Array.from(row)).filter(Number.isFinite);
    let [low, high] = limits ?? [Math.min(...finite), Math.max(...finite)];
    if (!limits) { const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1; low -= room; high += room; }
    const x = { label: "epoch", values: epochs, names: epochs.map((epoch, i) => (i % every ? "" : String(epoch))) };
    const figure = curves({ title, lines, x, y: { low, high, guides: [] } }, (place) => { play(false); go({ epoch: place + 1 }); });
    return { figure, mark: (place) => figure.show(rows, { mark: place }) };
  }

  function chart({ strategy, kind }) {
    if (charted === `${strategy}:${kind}`) return;
    charted = `${strategy}:${kind}`;
    const { epochs, curves: history } = strategies[strategy], size = epochs.length;
    const right = (from, to) => Float32Array.from({ length: size }, (_, place) => {
      const guess = row("predicted", { strategy, place });
      let hits = 0;
      for (let i = from; i < to; i++) hits += guess[i] === labels[i];
      return hits / (to - from);
    });
    const mixes = [mixOf(strategy, 0), mixOf(strategy, kind === "cold" ? 2 : 1)];
    const mix = plot("Neighbours from the other domain", ["features", "map"], mixes, [0, 1]);
    const accuracy = plot("Accuracy on these images", ["source", "target"], [right(0, n), right(n, count)], [0, 1]);
    plots = [mix, accuracy];
    charts.replaceChildren(element("div", {}, mix.figure, verdict), accuracy.figure);
    if (!history.length) return;
    const names = history.map((curve) => curve.label), holder = element("div");
    const trace = (i) => {
      column = names[i];
      plots[2] = plot(names[i], [""], [data[`curves/${strategy}`].subarray(i * size, (i + 1) * size)], history[i].limits);
      plots[2].mark(now().place);
      holder.replaceChildren(plots[2].figure);
    };
    const first = Math.max(0, names.indexOf(column ?? "InformationMaximisation, nats"));
    charts.append(element("div", {}, choice("the run's history", names, first, trace), holder));
    trace(first);
  }

  /** What the two shares of neighbours say about the map. */
  function judge({ strategy, place, kind }) {
    const features = mixOf(strategy, 0)[place], seen = mixOf(strategy, kind === "cold" ? 2 : 1)[place];
    const lie = Math.abs(features - seen) > 0.1;
    verdict.textContent = !lie ? "The map agrees with the features: 0 is apart, 1 perfectly mixed."
      : `The map lies: it shows the domains ${seen < features ? "further apart" : "closer together"} than they are in the features.`;
    verdict.classList.toggle("cu-lie", lie);
  }

  function tallySelection() {
    const view = now(), guess = row("predicted", view), picked = pickedNow();
    const points = picked.length ? picked : Uint32Array.from({ length: count }, (_, i) => i).filter(shown);
    const size = classes.length, table = new Uint32Array(size * size), sizes = new Uint32Array(2 * size), sides = [0, 0], hits = [0, 0];
    for (const i of points) {
      const side = i < n ? SOURCE : TARGET;
      table[labels[i] * size + guess[i]]++;
      sizes[2 * labels[i] + side]++;
      sides[side]++;
      hits[side] += guess[i] === labels[i];
    }
    root.dataset.selected = picked.length;
    const what = picked.length ? `${plural(picked.length, "image")} selected` : `All ${plural(points.length, "image")} shown`;
    const summary = `${sides[SOURCE].toLocaleString("en")} source, ${share(hits[SOURCE], sides[SOURCE])} right; ${sides[TARGET].toLocaleString("en")} target, ${share(hits[TARGET], sides[TARGET])} right.`;
    const counts = element("div", {}, element("h2", {}, what), element("p", {}, summary), (size <= NAMED ? confusion : commonest)(classes, table, sizes));
    selected.replaceChildren(counts, ...(hang && picked.length ? [gallery(picked)] : []));
  }

  function gallery(picked) {
    const first = picked.subarray(0, HUNG), title = first.length < picked.length ? `The first ${HUNG} of them` : "Their pictures";
    const wall = Array.from(first, (i) => { const shot = picture(header.sheet, ""); hang(shot, i); return shot; });
    const look = { class: "cu-wall", role: "img", "aria-label": `Pictures of ${plural(first.length, "selected image")}` };
    return element("div", { class: "cu-gallery" }, element("h2", {}, title), element("div", look, ...wall));
  }

  function tell() {
    const view = now(), { epochs, name } = strategies[view.strategy];
    Object.assign(slider.input, { max: epochs.length, value: view.place + 1 });
    slider.shown.textContent = `epoch ${epochs[view.place]} of ${epochs.at(-1)}`;
    slider.input.setAttribute("aria-valuetext", `epoch ${epochs[view.place]} of ${epochs.at(-1)}, ${name}`);
    if (strategy) strategy.select.value = view.strategy;
    if (cold) press(cold, view.kind === "cold");
    chart(view);
    plots.forEach(({ mark }) => mark(view.place));
    judge(view);
    tallySelection();
  }

  // -- put together ------------------------------------------------------------------------------------------------
  const select = [
    pickClass, button("Misclassified", () => { const guess = row("predicted", now()); pickWhere((i) => guess[i] !== labels[i]); }),
    button("Low confidence", pickUnsure, { title: "The tenth of the shown images that the net is least sure of" }), button("Clear", () => pick([])),
  ];
  const notes = header.notes.map((note) => element("p", { class: "cu-note" }, note));
  const stage = element("div", { class: "cu-scene" }, map,
    element("div", { class: "cu-row cu-legend", role: "group", "aria-label": "Show only" }, ...keys.domains, element("span", { class: "cu-gap" }), ...keys.classes, everything),
    element("div", { class: "cu-row", role: "group", "aria-label": "Select" }, ...select), live, ...notes);
  root.append(
    element("div", { class: "cu-top cu-row" }, ...[player, slider, strategy, cold].filter(Boolean)),
    element("div", { class: "cu-body" }, stage, charts, selected),
  );
  markLegend();
  pressLegend();
  resize();
  if (!scatter.side) fit(260); // in a hidden cell, for now
  tell();
  show();
  let waiting = 0;
  const observer = new ResizeObserver(() => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(resize); });
  observer.observe(stage);
  root.addEventListener("theme", () => { markLegend(); fit(scatter.side); });
  watch(model, ["epoch", "strategy", "cold"], show, signal);
  watch(model, ["classes", "domains"], () => { pressLegend(); repaint(); tallySelection(); }, signal);
  watch(model, ["picked"], () => { look(); paint(); tallySelection(); }, signal);
  const turn = (by) => go({ strategy: (now().strategy + by + strategies.length) % strategies.length }, STEP);
  onPresenter(root, { next: () => step(1), previous: () => step(-1), play: () => play(!playing), switch: () => turn(1), back: () => turn(-1) });
  signal.addEventListener("abort", () => { play(false); stop(); observer.disconnect(); });
}

export default explorerOf(draw);
