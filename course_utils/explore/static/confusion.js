import { element } from "./explorer.js";

// What a net takes for what: a confusion matrix for few classes, the commonest errors for many.

/**
 * The counts as a table, each cell as dark as its share of the row.
 * @param {string[]} classes
 * @param {Uint32Array} table true class by prediction, row after row
 * @param {Uint32Array} sizes source and target images of each true class, by turns
 */
export function confusion(classes, table, sizes) {
  const size = classes.length, long = classes.some((name) => name.length > 2);
  const head = (text, attributes = {}) => element("th", { scope: "col", ...attributes }, element("span", {}, text));
  const rows = classes.map((name, t) => {
    const whole = sizes[2 * t] + sizes[2 * t + 1];
    const cells = classes.map((_, p) => {
      const value = table[t * size + p], depth = whole ? Math.round((50 * value) / whole) : 0;
      return element("td", { style: `--depth:${depth}%`, class: t === p ? "cu-right" : null }, value ? String(value) : "");
    });
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "cu-count" }, String(sizes[2 * t])), element("td", { class: "cu-count" }, String(sizes[2 * t + 1])), ...cells);
  });
  return element("div", { class: "cu-scroll", tabindex: 0, "data-lm-suppress-shortcuts": "true", role: "region", "aria-label": "Class counts and confusion" },
    element("table", { class: long ? "cu-long" : "" },
      element("caption", {}, "Rows: true class, with its source and target counts. Columns: prediction."),
      element("thead", {}, element("tr", {}, head("true"), head("source", { class: "cu-count" }), head("target", { class: "cu-count" }), ...classes.map((name) => head(name)))),
      element("tbody", {}, ...rows)));
}

/** With many classes: the largest ones, and the errors made most often. */
export function commonest(classes, table, sizes) {
  const size = classes.length;
  const errors = Array.from(table, (value, k) => [value, Math.floor(k / size), k % size]).filter(([value, t, p]) => value && t !== p).sort((a, b) => b[0] - a[0]).slice(0, 8);
  const large = classes.map((name, c) => [sizes[2 * c] + sizes[2 * c + 1], c]).sort((a, b) => b[0] - a[0]).slice(0, 8).filter(([whole]) => whole);
  return element("div", { class: "cu-lists" },
    element("div", {}, element("h3", {}, "Largest classes"), element("ol", {}, ...large.map(([, c]) => element("li", {}, `${classes[c]}: ${sizes[2 * c]} source, ${sizes[2 * c + 1]} target`)))),
    element("div", {}, element("h3", {}, "Commonest errors"), errors.length ? element("ol", {}, ...errors.map(([value, t, p]) => element("li", {}, `${classes[t]} called ${classes[p]}: ${value}`))) : element("p", {}, "none")));
}
