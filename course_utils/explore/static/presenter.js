// The keys of a presenter, in the page of one explorer and in the overview of a demo.

/** Calls `actions[key]()`. Blank and help mean the same everywhere; keys.html lists them all. */
export function present(actions) {
  const help = document.getElementById("keys");
  const blank = () => document.body.classList.toggle("cu-blank");
  const meant = { ...actions, b: blank, ".": blank, "?": () => (help.open ? help.close() : help.showModal()) };
  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input:not([type=range]), select, textarea");
    const steering = event.key.startsWith("Arrow") && event.target.matches?.("input, [tabindex]");
    if (typing || steering || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!Object.hasOwn(meant, event.key) || (help.open && event.key !== "?")) return;
    event.preventDefault();
    meant[event.key]();
  });
}

export function fillScreen(element) {
  if (document.fullscreenElement) return document.exitFullscreen();
  return element.requestFullscreen().catch(() => {}); // a browser that refuses shows the page in its window
}
