import { element } from "./explorer.js";

// Small charts as SVG: axes with numbers, lines that differ by dash as well as colour, names at their ends.

/** Round numbers that span an interval, three to five of them. */
export function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 3));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => span / s <= 4);
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

const number = (value, step) => value.toFixed(Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));

/**
 * A line chart over epochs with a cursor at one of them.
 * @param {{title: string, epochs: number[], lines: {name: string, values: ArrayLike<number>, dashed?: boolean}[],
 *   limits?: [number, number], unit?: string}} what
 * @returns {SVGElement & {cursor: (place: number) => void}}
 */
export function lineChart({ title, epochs, lines, limits }) {
  const width = 360, height = 128, box = { left: 40, right: 100, top: 10, bottom: 28 };
  const finite = lines.flatMap((line) => [...line.values]).filter(Number.isFinite);
  let [low, high] = limits ?? [Math.min(...finite), Math.max(...finite)];
  if (!limits) { const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1; low -= room; high += room; }
  const marks = ticks(low, high), step = marks[1] - marks[0] || 1;
  const last = Math.max(1, epochs.length - 1);
  const x = (place) => box.left + (place / last) * (width - box.left - box.right);
  const y = (value) => height - box.bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (height - box.top - box.bottom);
  const svg = element("svg", { class: "cu-chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  for (const mark of marks) {
    svg.append(
      element("line", { class: "cu-grid", x1: box.left, x2: width - box.right, y1: y(mark), y2: y(mark) }),
      element("text", { x: box.left - 7, y: y(mark) + 4, "text-anchor": "end" }, number(mark, step)),
    );
  }
  const across = [...new Set(ticks(0, last).map(Math.round))].filter((place) => place < epochs.length);
  for (const place of across) svg.append(element("text", { x: x(place), y: height - box.bottom + 15, "text-anchor": "middle" }, String(epochs[place])));
  svg.append(element("text", { class: "cu-axis", x: width - box.right + 8, y: height - box.bottom + 15 }, "epoch"));
  for (const line of lines) {
    const points = [...line.values].map((value, place) => Number.isFinite(value) && `${x(place).toFixed(1)},${y(value).toFixed(1)}`);
    svg.append(element("path", { class: line.dashed ? "cu-curve cu-dashed" : "cu-curve", d: points.filter(Boolean).map((p, i) => (i ? "L" : "M") + p).join("") }));
  }
  const cursor = element("line", { class: "cu-cursor", y1: box.top - 4, y2: height - box.bottom });
  const dots = lines.map((line) => element("circle", { class: line.dashed ? "cu-dot cu-hollow" : "cu-dot", r: 3.6 }));
  const ends = lines.map(() => element("text", { class: "cu-end", x: width - box.right + 8 }));
  svg.append(cursor, ...dots, ...ends);
  svg.cursor = (place) => {
    cursor.setAttribute("x1", x(place));
    cursor.setAttribute("x2", x(place));
    const heights = lines.map((line) => y(line.values[place]) + 4);
    if (heights.length === 2 && Math.abs(heights[0] - heights[1]) < 14) {
      const middle = (heights[0] + heights[1]) / 2, above = heights[0] <= heights[1] ? 0 : 1;
      heights[above] = middle - 7;
      heights[1 - above] = middle + 7;
    }
    lines.forEach((line, i) => {
      const value = line.values[place], known = Number.isFinite(value);
      dots[i].setAttribute("transform", `translate(${x(place)},${y(known ? value : low)})`);
      dots[i].style.display = known ? "" : "none";
      ends[i].setAttribute("y", heights[i]);
      ends[i].textContent = `${line.name} ${known ? number(value, Math.min(step / 10, 0.01)) : "none"}`.trim();
    });
    svg.setAttribute("aria-label", `${title}. Epoch ${epochs[place]}: ${ends.map((end) => end.textContent).join(", ")}.`);
  };
  return svg;
}
