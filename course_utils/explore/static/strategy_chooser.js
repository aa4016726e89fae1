import { commit, control, element, explorerOf, liveText, watch } from "./explorer.js";

let made = 0; // radio buttons of two explorers must not share a name

function draw(root, model, signal) {
  const { questions, advice } = model.get("header");
  const group = `cu-choose-${made++}-${Math.random().toString(36).slice(2)}`;
  const answer = (name, option) => {
    const { [name]: _, ...others } = model.get("answers");
    commit(model, { answers: option ? { ...others, [name]: option } : others });
  };
  const radios = [];
  const asked = Object.entries(questions).map(([name, { text, options }]) =>
    element("fieldset", {}, element("legend", {}, text), ...[...Object.entries(options), ["", "not sure"]].map(([option, words]) => {
      const radio = control("input", { type: "radio", name: `${group}-${name}`, onchange: () => answer(name, option) });
      radios.push({ radio, name, option });
      return element("label", {}, radio, element("span", {}, words));
    })));
  const results = element("div", { class: "cu-choose-results" }), live = liveText("cu-hidden");
  root.append(element("div", { class: "cu-choose" }, element("div", { class: "cu-choose-asked" }, ...asked), results, live));

  /** Which answers stand against a strategy, and which questions it waits for. */
  const judged = (rule) => {
    const answers = model.get("answers"), asks = Object.entries(rule.when);
    const against = asks.filter(([name, wanted]) => answers[name] && !wanted.includes(answers[name])).map(([name]) => name);
    return { rule, against, waits: asks.filter(([name]) => !answers[name]).map(([name]) => name) };
  };
  const card = ({ rule, against, waits }) => {
    const kind = against.length ? "out" : waits.length ? "open" : "fits";
    const answered = (name) => `${questions[name].text} ${questions[name].options[model.get("answers")[name]]}`;
    const why = { fits: null, open: `Waits for: ${waits.map((name) => questions[name].text).join(" ")}`, out: `Ruled out by: ${against.map(answered).join("; ")}.` }[kind];
    return element("article", { class: `cu-choose-card cu-choose-${kind}` },
      element("div", {}, element("b", {}, rule.strategy), element("span", {}, `lesson ${rule.lessons.join(", ")}`)),
      kind === "out" ? null : element("p", {}, rule.reason), why && element("p", { class: "cu-choose-why" }, why));
  };
  const paint = () => {
    const answers = model.get("answers"), all = advice.map(judged);
    for (const { radio, name, option } of radios) radio.checked = (answers[name] ?? "") === option;
    const groups = {
      "Fits your answers": all.filter(({ against, waits }) => !against.length && !waits.length),
      "Waits for an answer": all.filter(({ against, waits }) => !against.length && waits.length),
      "Ruled out": all.filter(({ against }) => against.length),
    };
    results.replaceChildren(...Object.entries(groups).flatMap(([title, found]) => (found.length ? [element("h2", {}, title), ...found.map(card)] : [])));
    if (!groups["Fits your answers"].length && !groups["Waits for an answer"].length) {
      results.prepend(element("p", { class: "cu-choose-none" }, "None of these rules fits your answers. That is no proof that nothing helps."));
    }
    live.textContent = Object.entries(groups).filter(([, found]) => found.length).map(([title, found]) => `${title}: ${found.map(({ rule }) => rule.strategy).join(", ")}.`).join(" ");
    root.dataset.painted = JSON.stringify(Object.values(groups).map((found) => found.map(({ rule }) => rule.strategy)));
  };
  watch(model, ["answers"], paint, signal);
  paint();
}

export default explorerOf(draw);
