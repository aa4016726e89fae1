import { fillScreen, present } from "./presenter.js";

// The overview keeps the screen and plays the pages in a frame: a link would leave the full screen at every step.

const stage = document.getElementById("stage"), links = [...document.querySelectorAll("main a")];
let played = null, frame = null;

function play(link) {
  close();
  played = link;
  frame = Object.assign(document.createElement("iframe"), { src: link.href, title: link.textContent, allow: "fullscreen" });
  frame.addEventListener("load", () => frame.contentWindow.focus()); // the page hears the keys
  stage.prepend(frame);
  stage.hidden = false;
  document.querySelector("main").inert = true;
  if (!document.fullscreenElement) fillScreen(document.documentElement);
}

function close() {
  frame?.remove();
  stage.hidden = true;
  document.querySelector("main").inert = false;
  played?.focus();
}

for (const link of links) link.addEventListener("click", (event) => { event.preventDefault(); play(link); });
document.getElementById("help").addEventListener("click", () => document.getElementById("keys").showModal());
const keys = { f: () => fillScreen(document.documentElement), o: close };
addEventListener("message", ({ source, data }) => { if (source === frame?.contentWindow && Object.hasOwn(keys, data)) keys[data](); });
present({ ...keys, ...Object.fromEntries(links.slice(0, 9).map((link, i) => [String(i + 1), () => play(link)])) });
