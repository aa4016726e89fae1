import { arraysOf, button, commit, element, explorerOf, liveText, onPresenter, press, range, watch } from "./explorer.js";
import { picture, picturesOf } from "./pictures.js";
import { curves } from "./curves.js";

const BEAT = 900; // milliseconds of one position while the dial plays

/** What a network calls the picture, surest first: names, bars, numbers. */
function answersOf(count) {
  const rows = Array.from({ length: count }, () => {
    const parts = { name: element("span"), sure: element("b"), bar: element("i") };
    const track = element("span", { class: "cu-dial-track", "aria-hidden": "true" }, parts.bar);
    return { ...parts, row: element("li", {}, parts.name, parts.sure, track) };
  });
  const node = element("div", { class: "cu-dial-answers" }, element("h2", {}, "What the network calls it, and how sure it is"),
    element("ol", {}, ...rows.map(({ row }) => row)));
  node.show = (answers) => answers.forEach(([name, sure], i) => {
    rows[i].name.textContent = name;
    rows[i].sure.textContent = sure.toFixed(2);
    rows[i].bar.style.width = `${100 * sure}%`;
  });
  return node;
}

/** Rows of numbers out of one of a panel's positions. */
function rowsOf(values, position = 0) {
  const [lines, points] = values.shape.slice(-2);
  return Array.from({ length: lines }, (_, i) => values.subarray((position * lines + i) * points, (position * lines + i + 1) * points));
}

async function draw(root, model, signal) {
  const { label, places, panels, said, sheet, each, answers } = model.get("header");
  const arrays = arraysOf(model), last = places.length - 1;
  const paintPicture = sheet && (await picturesOf(arrays.sheet, sheet));
  const go = (place) => commit(model, { place: Math.min(last, Math.max(0, place)) });
  const here = () => Math.min(last, Math.max(0, model.get("place")));

  const slider = range(label, { max: last, value: here(), oninput: go });
  const output = element("output", { class: "cu-dial-place" });
  let playing = null;
  const stop = () => { clearInterval(playing); playing = null; player.textContent = "Play"; press(player, false); };
  const play = () => {
    if (playing) return stop();
    if (here() === last) go(0);
    player.textContent = "Pause";
    press(player, true);
    playing = setInterval(() => (here() === last ? stop() : go(here() + 1)), BEAT);
  };
  const player = button("Play", play, { "aria-pressed": "false", class: "cu-dial-play" });
  signal.addEventListener("abort", () => clearInterval(playing));
  slider.input.addEventListener("pointerdown", () => playing && stop());

  const shown = sheet ? Array.from({ length: each }, () => picture(sheet, null)) : [];
  const several = each > 1 ? " cu-dial-several" : "";
  const gallery = element("div", { class: `cu-dial-pictures${several}`, role: "img" }, ...shown);
  gallery.style.setProperty("--columns", Math.min(5, Math.ceil(Math.sqrt(1.4 * shown.length))));
  const named = answers && answersOf(answers[0].length);
  const drawn = panels.map((panel, i) => {
    const values = arrays[`panel${i}`], own = values.shape.length === 3;
    const figure = curves(panel, own ? null : go);
    const show = own
      ? (place) => figure.show(rowsOf(values, place), { behind: places.map((_, other) => rowsOf(values, other)) })
      : (place) => figure.show(rowsOf(values), { mark: place });
    return { figure, show };
  });
  const live = liveText(answers ? "cu-hidden" : "cu-live"); // the list beside the picture says the same
  root.append(
    element("div", { class: "cu-dial" },
      element("div", { class: "cu-row" }, slider, output, player), live,
      element("div", { class: `cu-dial-stage${sheet ? " cu-dial-seen" : ""}` }, sheet ? gallery : null,
        element("div", { class: "cu-dial-panels" }, named ?? null, ...drawn.map(({ figure }) => figure)))),
  );

  const paint = () => {
    const place = here();
    slider.input.value = place;
    slider.input.setAttribute("aria-valuetext", `${label} ${places[place]}`);
    output.textContent = places[place];
    shown.forEach((canvas, i) => paintPicture(canvas, place * each + i));
    gallery.setAttribute("aria-label", `${each === 1 ? "The picture" : `${each} pictures`} at ${label} ${places[place]}`);
    named?.show(answers[place]);
    for (const { show } of drawn) show(place);
    live.textContent = said[place];
    root.dataset.painted = place;
  };
  watch(model, ["place"], paint, signal);
  onPresenter(root, { next: () => go(here() + 1), previous: () => go(here() - 1), play });
  paint();
}

export default explorerOf(draw);
