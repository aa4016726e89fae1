// Curves as SVG: axes with words, lines told apart by dash, marker and name, one position marked.

import { element } from "./explorer.js";

const LINES = ["none", "7 4", "2 4"];
const WIDTH = 360, HEIGHT = 184, BOX = { left: 44, right: 14, top: 12, bottom: 38 };
const inside = { width: WIDTH - BOX.left - BOX.right, height: HEIGHT - BOX.top - BOX.bottom };

/** Round numbers that span an interval, three to five of them. */
export function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 3));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => span / s <= 4);
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

/** Digits that a round step needs. */
const written = (value, step) => value.toFixed(Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));

/** A marker of the line number `i`: filled disc, hollow triangle, hollow square. */
function marker(i, x, y, size = 4.5) {
  const look = { class: `cu-fig-mark cu-fig-${i}` };
  if (i === 0) return element("circle", { ...look, cx: x, cy: y, r: size });
  const s = size * 1.1;
  const d = i === 1 ? `M${x} ${y - s}L${x + s} ${y + s * 0.8}H${x - s}Z` : `M${x - s * 0.85} ${y - s * 0.85}h${1.7 * s}v${1.7 * s}h${-1.7 * s}Z`;
  return element("path", { ...look, d });
}

/**
 * @param {{title: string, lines: string[], x: {label: string, values: number[], names?: string[]},
 *   y: {low: number, high: number, guides: [string, number][]}}} spec
 * @param {(place: number) => void} [onpick] a click on the chart chooses the nearest position
 * @returns {HTMLElement & {show: Function}} `show(lines, {mark, behind})` draws arrays of numbers, NaN being a gap
 */
export function curves({ title, lines, x, y }, onpick) {
  const [first, last] = [x.values[0], x.values[x.values.length - 1]];
  const across = (value) => BOX.left + (last === first ? 0.5 : (value - first) / (last - first)) * inside.width;
  const up = (value) => BOX.top + (1 - (value - y.low) / (y.high - y.low)) * inside.height;
  const svg = element("svg", { class: "cu-fig-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const heights = ticks(y.low, y.high);
  for (const value of heights) {
    svg.append(
      element("line", { class: "cu-fig-grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: up(value), y2: up(value) }),
      element("text", { x: BOX.left - 7, y: up(value) + 4, "text-anchor": "end" }, written(value, heights[1] - heights[0] || 1)),
    );
  }
  const foot = x.names ? x.values.map((value, i) => [value, x.names[i]]) : ticks(first, last).map((value, _, all) => [value, written(value, all[1] - all[0] || 1)]);
  for (const [value, name] of foot) svg.append(element("text", { x: across(value), y: HEIGHT - BOX.bottom + 16, "text-anchor": "middle" }, name));
  svg.append(element("text", { x: BOX.left + inside.width / 2, y: HEIGHT - 5, "text-anchor": "middle" }, x.label));
  for (const [name, value] of y.guides) {
    svg.append(
      element("line", { class: "cu-fig-guide", x1: BOX.left, x2: WIDTH - BOX.right, y1: up(value), y2: up(value) }),
      element("text", { x: WIDTH - BOX.right, y: up(value) - 4, "text-anchor": "end" }, name),
    );
  }
  const drawn = element("g");
  svg.append(drawn);

  const values = lines.map(() => element("b"));
  const swatch = (i) => element("svg", { class: "cu-fig-swatch", viewBox: "0 0 30 12", "aria-hidden": "true" },
    element("path", { class: `cu-fig-line cu-fig-${i}`, d: "M1 6H29", "stroke-dasharray": LINES[i] }), marker(i, 15, 6, 4));
  const named = lines.map((name, i) => element("span", {}, lines.length > 1 ? swatch(i) : null, lines.length > 1 ? `${name} ` : null, values[i]));
  const figure = element("div", { class: "cu-fig" }, element("div", { class: "cu-fig-head" }, element("h2", {}, title), ...named), svg);

  const path = (numbers) => {
    let pen = "M";
    return Array.from(numbers, (value, i) => {
      if (!Number.isFinite(value)) { pen = "M"; return ""; }
      const point = `${pen}${across(x.values[i]).toFixed(1)} ${up(value).toFixed(1)}`;
      pen = "L";
      return point;
    }).join("");
  };
  figure.show = (rows, { mark = null, behind = [] } = {}) => {
    const faint = behind.flat().map((row) => element("path", { class: "cu-fig-behind", d: path(row) }));
    const strong = rows.map((row, i) => element("path", { class: `cu-fig-line cu-fig-${i}`, d: path(row), "stroke-dasharray": LINES[i] }));
    // without a marked position the last number stands for a line
    const ends = rows.map((row) => mark ?? Array.from(row).findLastIndex(Number.isFinite));
    const known = rows.map((row, i) => Number.isFinite(row[ends[i]]));
    const here = mark === null ? [] : [element("line", { class: "cu-fig-cursor", x1: across(x.values[mark]), x2: across(x.values[mark]), y1: BOX.top, y2: BOX.top + inside.height })];
    const marks = rows.map((row, i) => (known[i] ? marker(i, across(x.values[ends[i]]), up(row[ends[i]])) : null));
    drawn.replaceChildren(...faint, ...here, ...strong, ...marks.filter(Boolean));
    rows.forEach((row, i) => { values[i].textContent = known[i] ? written(row[ends[i]], (y.high - y.low) / 100) : "none"; });
    svg.setAttribute("aria-label", `${title} over ${x.label}. ${lines.map((name, i) => `${name} ${values[i].textContent}`).join(", ")}.`);
  };
  if (onpick) {
    const pick = (event) => {
      const frame = svg.getBoundingClientRect(), at = ((event.clientX - frame.left) / frame.width) * WIDTH;
      const away = x.values.map((value) => Math.abs(across(value) - at));
      onpick(away.indexOf(Math.min(...away)));
    };
    svg.classList.add("cu-fig-pick");
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); pick(event); });
    svg.addEventListener("pointermove", (event) => event.buttons && pick(event));
  }
  return figure;
}
