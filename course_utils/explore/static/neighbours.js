import { arraysOf, button, choice, commit, element, explorerOf, liveText, onPresenter, toggle, watch } from "./explorer.js";
import { picture, picturesOf } from "./pictures.js";

const SIDES = ["source", "target"], SHAPES = ["●", "△"]; // a domain is a shape and a fill, as on the maps
const PAGE = 48; // images to choose from at a time

async function draw(root, model, signal) {
  const { classes, counts, k, sheets, shares, names } = model.get("header");
  const arrays = arraysOf(model);
  const painters = await Promise.all(SIDES.map((side, i) => picturesOf(arrays[`sheet_${side}`], sheets[i])));
  const labels = SIDES.map((side) => arrays[`labels_${side}`]);
  const side = () => (model.get("side") === 0 ? 0 : 1);
  const query = () => Math.min(counts[side()] - 1, Math.max(0, model.get("query")));
  const hitsOf = (i) => Array.from({ length: k }, (_, j) => {
    const place = arrays[`nearest_${SIDES[side()]}`][i * k + j];
    return { place, distance: arrays[`distances_${SIDES[side()]}`][i * k + j], right: labels[1 - side()][place] === labels[side()][i] };
  });
  const nameOf = (which, i) => classes[labels[which][i]];

  // -- which images can be asked for -----------------------------------------------------------------------------------
  let wanted = -1, wrongOnly = false, offset = 0;
  const listed = () => Array.from({ length: counts[side()] }, (_, i) => i)
    .filter((i) => (wanted < 0 || labels[side()][i] === wanted) && (!wrongOnly || !hitsOf(i)[0].right));
  const ask = (place) => commit(model, { query: place });
  const step = (by) => {
    const all = listed(), at = all.indexOf(query());
    if (all.length) ask(all[Math.min(all.length - 1, Math.max(0, at + by))]);
  };
  const refilter = () => { offset = 0; const all = listed(); if (all.length && !all.includes(query())) ask(all[0]); else paint(); };
  const from = choice("ask from the", SIDES.map((name, i) => `${name}: ${names[i]}`), side(), (i) => { offset = 0; commit(model, { side: i, query: 0 }); });
  const ofClass = choice("class", ["all", ...classes], 0, (i) => { wanted = i - 1; refilter(); });
  const wrong = toggle("Only where the nearest is of another class", false, (pressed) => { wrongOnly = pressed; refilter(); });

  const gallery = element("div", { class: "cu-near-gallery", role: "group" });
  const pages = element("div", { class: "cu-row" });
  const keys = { ArrowRight: 1, ArrowLeft: -1 };
  gallery.addEventListener("keydown", (event) => {
    const across = Math.max(1, Math.round(gallery.clientWidth / (gallery.firstElementChild?.offsetWidth + 4)));
    const by = keys[event.key] ?? { ArrowDown: across, ArrowUp: -across }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
    gallery.querySelector("[aria-pressed=true]")?.focus();
  });
  const fill = () => {
    const all = listed(), at = all.indexOf(query());
    if (at >= 0) offset = Math.floor(at / PAGE) * PAGE;
    const here = all.slice(offset, offset + PAGE), focus = here.includes(query()) ? query() : here[0];
    const kept = gallery.contains(document.activeElement);
    gallery.setAttribute("aria-label", `Images of the ${SIDES[side()]} to ask for. Arrow keys go on.`);
    gallery.replaceChildren(...here.map((i) => {
      const canvas = picture(sheets[side()], null);
      painters[side()](canvas, i);
      const nearest = hitsOf(i)[0].right ? "" : ", its nearest is of another class";
      return button(canvas, () => ask(i), {
        class: "cu-near-tile", "aria-label": `image ${i}, class ${nameOf(side(), i)}${nearest}`, "aria-pressed": String(i === query()), tabindex: i === focus ? 0 : -1,
      });
    }));
    if (kept) gallery.querySelector("[tabindex='0']")?.focus();
    const turn = (by) => () => ask(all[Math.min(all.length - 1, Math.max(0, offset + by * PAGE))]);
    pages.replaceChildren(
      element("span", { class: "cu-label" }, all.length ? `${offset + 1} to ${offset + here.length} of ${all.length}` : "No image fits this choice."),
      button("Previous", turn(-1), { disabled: offset === 0 }), button("Next", turn(1), { disabled: offset + PAGE >= all.length }),
    );
  };

  // -- the answer ------------------------------------------------------------------------------------------------------
  const asked = element("div", { class: "cu-near-asked" });
  const found = element("ol", { class: "cu-near-found" });
  const heading = element("h2", {});
  const live = liveText(), all = element("p", { class: "cu-near-share" });
  root.append(element("div", { class: "cu-near" },
    element("div", { class: "cu-row" }, from, ofClass, wrong),
    element("div", { class: "cu-near-stage" },
      element("div", { class: "cu-near-left" }, gallery, pages),
      element("div", { class: "cu-near-right" }, asked, element("div", {}, heading, found, live, all)))));

  const paint = () => {
    const mine = side(), other = 1 - mine, at = query(), hits = hitsOf(at);
    from.select.value = mine;
    fill();
    const canvas = picture(sheets[mine], `the ${SIDES[mine]} image ${at}`);
    painters[mine](canvas, at);
    asked.replaceChildren(element("h2", {}, `${SHAPES[mine]} ${SIDES[mine]}: ${nameOf(mine, at)}`), canvas);
    heading.textContent = `${SHAPES[other]} its ${k} nearest in the ${SIDES[other]}`;
    found.replaceChildren(...hits.map(({ place, distance, right }) => {
      const shown = picture(sheets[other], null);
      painters[other](shown, place);
      return element("li", { class: right ? "cu-near-right-class" : "cu-near-wrong-class" }, shown,
        element("b", {}, nameOf(other, place)), element("span", {}, right ? "✓ right" : "✗ wrong"), element("small", {}, distance.toFixed(2)));
    }));
    const right = hits.filter((hit) => hit.right).length;
    live.textContent = `${right} of ${k} are of its class, ${nameOf(mine, at)}.`;
    all.textContent = `Over all ${counts[mine]} images of the ${SIDES[mine]}: ${shares[mine].toFixed(2)} of the neighbours are of the right class. Numbers are Euclidean distances of features.`;
    root.dataset.painted = `${SIDES[mine]}:${at}`;
  };
  watch(model, ["side", "query"], paint, signal);
  onPresenter(root, { next: () => step(1), previous: () => step(-1), switch: () => commit(model, { side: 1 - side(), query: 0 }) });
  paint();
}

export default explorerOf(draw);
