import { arraysOf, button, commit, element, explorerOf, liveText, onPresenter, range, watch } from "./explorer.js";

/** The smallest explorer: which of the given numbers is shown. */
function draw(root, model, signal) {
  const { numbers } = arraysOf(model);
  const shown = liveText();
  const go = (place) => commit(model, { place: Math.min(numbers.length - 1, Math.max(0, place)) });
  const slider = range("place", { max: numbers.length - 1, value: model.get("place"), oninput: go });
  const next = () => go(model.get("place") + 1);
  root.append(element("div", { class: "cu-row" }, slider, button("Next", next)), shown);
  const paint = () => {
    slider.input.value = model.get("place");
    shown.textContent = `${model.get("header").what} ${numbers[model.get("place")].toFixed(2)}`;
    root.dataset.painted = model.get("place");
  };
  watch(model, ["place"], paint, signal);
  onPresenter(root, { next, previous: () => go(model.get("place") - 1) });
  paint();
}

export default explorerOf(draw);
