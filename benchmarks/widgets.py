"""Milliseconds of an epoch from a call in Python to its painted frame: our explorer, ipympl, plotly in one JupyterLab.

    python3 course.py bench widgets [--steps 10]

The competitors show the same points at about the same size, with a marker of its own for each domain. Each stands in
a notebook and a tab of its own, as a reader has it: in one page every frame would also lay out and paint what the
others drew. Steps are interleaved, so that a busy moment hits all of them. A step is over when nothing is painted for
a quarter of a second; its time is that of the last frame in which the points were drawn. Ours fills its panels a
frame later, and that time is told too. Beside it: frames a second of our tween at 5,000 points, what a hover costs at
20,000, and the size of a page. ipympl and plotly are in the extra `bench`; without them ours runs alone.

In November 2026, on two virtual cores without a graphics card, the bench put before all other work (`chrt -r 1`), at
1,000, 5,000 and 20,000 points: ours 18, 15, 17; ipympl 48, 66, 130; plotly's scattergl 49, 90, 260, its SVG 74, 234,
815. A machine that is busy besides can double ours.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from tests.browser.conftest import Lab, chromium, jupyterlab
from tests.explore.films import film

EPOCHS = 12
LIMITS = {1_000: 25, 5_000: 60, 20_000: 120}  # milliseconds of a step, by points

PREPARE = """
import time
import course_utils as cu
ours = cu.explore.load("film.npz")
places, labels, n = ours.arrays["warm/0"] / 65520, ours.arrays["labels"], ours.header["n"]
sides = ((slice(0, n), "o"), (slice(n, None), "^"))
def timed(step, epoch):
    print(time.time())
    step(epoch)
"""
PLOTLY = """
import plotly.graph_objects as go
{name} = go.FigureWidget([
    go.{kind}(x=places[0, side, 0], y=places[0, side, 1], mode="markers",
        marker=dict(color=labels[side], size=5, symbol="circle" if marker == "o" else "triangle-up-open"))
    for side, marker in sides])
{name}.update_layout(width=500, height=500, showlegend=False)
def step_{name}(epoch):
    with {name}.batch_update():
        for trace, (side, _) in zip({name}.data, sides):
            trace.x, trace.y = places[epoch, side, 0], places[epoch, side, 1]
display({name})
"""
CELLS = {
    "ours": (
        "course_utils",
        """
def step_ours(epoch):
    ours.epoch = int(epoch) + 1
display(ours)
""",
    ),
    "ipympl": (
        "ipympl",
        """
%matplotlib widget
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(5, 5))
dots = [axes.scatter(*places[0, side].T, c=labels[side], s=9, marker=marker, cmap="tab10") for side, marker in sides]
def step_ipympl(epoch):
    for cloud, (side, _) in zip(dots, sides):
        cloud.set_offsets(places[epoch, side])
    figure.canvas.draw()
plt.show()
""",
    ),
    "scattergl": ("plotly", PLOTLY.format(name="scattergl", kind="Scattergl")),
    "svg": ("plotly", PLOTLY.format(name="svg", kind="Scatter")),
}
NAMES = {"scattergl": "plotly, scattergl", "svg": "plotly, SVG"}

# Notices whatever is drawn, points or panels, and when its frame is done: the next animation frame and the task after
# it, or that task alone for what is drawn within a frame. Reading a pixel makes WebGL finish.
WATCH = """
(() => {
  const race = (window.race = { points: 0, all: 0, pending: null, blits: 0, gl: new Set() });
  let within = false;
  const later = window.requestAnimationFrame.bind(window);
  // a frame's changes of the page are told after its callback, in a microtask
  const over = () => queueMicrotask(() => { within = false; });
  window.requestAnimationFrame = (f) => later((now) => { within = true; try { f(now); } finally { over(); } });
  const done = () => {
    for (const gl of race.gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    race.gl.clear();
    race.all = performance.timeOrigin + performance.now();
    if (race.pending.points) race.points = race.all;
    race.pending = null;
  };
  const task = () => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); };
  const drawn = (points = true) => {
    if (!race.pending) within ? task() : later(task);
    race.pending = { points: points || race.pending?.points };
  };
  const hook = (kind, names, also = () => {}) => names.forEach((name) => {
    const own = kind.prototype[name];
    kind.prototype[name] = function (...values) { also(this, name); drawn(); return own.apply(this, values); };
  });
  hook(CanvasRenderingContext2D, ["putImageData", "drawImage", "fill", "stroke", "fillRect", "clearRect", "fillText"],
    (_, name) => { race.blits += name === "putImageData"; });
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext])
    hook(kind, ["drawArrays", "drawElements", "clear"], (gl) => race.gl.add(gl));
  const inside = (target, selector) => target.nodeType === 1 && target.closest(selector);
  const watch = () => new MutationObserver((seen) => {
    if (seen.some(({ target }) => inside(target, ".jp-OutputArea svg:not(.cu-explore *)"))) drawn();
    else if (seen.some(({ target }) => inside(target, ".cu-explore"))) drawn(false);
  }).observe(document.body, { attributes: true, childList: true, subtree: true });
  addEventListener("DOMContentLoaded", watch);
})();
"""
STEP = """async (code) => {
  const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
  content.widgets[1].node.querySelector(".jp-Cell-outputWrapper").scrollIntoView({ block: "center" });
  const pause = (ms) => new Promise((r) => setTimeout(r, ms));
  await pause(400);
  race.points = race.all = 0;
  const future = sessionContext.session.kernel.requestExecute({ code });
  let said = "";
  future.onIOPub = ({ content }) => { said += content.text ?? content.evalue ?? ""; };
  await future.done;
  const late = performance.now() + 20000;
  const quiet = () => race.points && !race.pending && performance.timeOrigin + performance.now() - race.all > 250;
  while (!quiet()) { if (performance.now() > late) throw new Error("nothing was painted: " + said); await pause(25); }
  return [race.points, race.all].map((time) => time - 1000 * Number(said));
}"""
TWEEN = """async () => {
  const root = document.querySelector(".cu-explore"), rates = [];
  const frame = () => new Promise((r) => requestAnimationFrame(r));
  root.scrollIntoView();
  for (let turn = 0; turn < 7; turn++) {
    const before = root.dataset.painted, blits = race.blits, start = performance.now();
    root.dispatchEvent(new CustomEvent("presenter", { detail: turn % 2 ? "previous" : "next" }));
    while (root.dataset.painted === before) await frame();
    rates.push((race.blits - blits) / ((performance.now() - start) / 1000));
    await new Promise((r) => setTimeout(r, 300));
  }
  return rates;
}"""
HOVER = """async () => {
  const over = document.querySelector(".cu-over"), costs = [];
  over.scrollIntoView({ block: "center" });
  const { left, top, width, height } = over.getBoundingClientRect();
  for (let i = 0; i < 300; i++) {
    const clientX = left + width * (0.2 + 0.6 * ((i * 0.618) % 1)), clientY = top + height * (0.2 + 0.002 * i);
    const start = performance.now();
    over.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    costs.push(performance.now() - start);
    if (i % 10 === 0) await new Promise((r) => requestAnimationFrame(r));
  }
  return costs;
}"""


def notebook(lab: Lab, page: Page, points: int, name: str) -> None:
    """Opens a notebook in which a racer stands after the cell that prepares it."""
    lab.write(f"{name}{points}.ipynb", PREPARE, CELLS[name][1])
    lab.open(page, f"{name}{points}.ipynb")
    lab.run_all(page)


def race(pages: dict[str, Page], steps: int) -> dict[str, np.ndarray]:
    """Milliseconds (steps, 2) of each racer, to its points and to all that it shows; two steps before do not count."""
    times: dict[str, list[list[float]]] = {name: [] for name in pages}
    for step in range(steps + 2):
        for name, page in pages.items():
            page.bring_to_front()
            times[name].append(page.evaluate(STEP, f"timed(step_{name}, {(step + 1) % EPOCHS})"))
    return {name: np.array(values[2:]) for name, values in times.items()}


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def verdict(good: bool, limit: str) -> str:
    return f"within {limit}" if good else f"MISSES {limit}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--steps", type=int, default=10)
    steps = options.parse_args().steps
    racers = [name for name, (package, _) in CELLS.items() if find_spec(package)]
    if len(racers) < len(CELLS):
        print("ipympl and plotly are in the extra `bench`: what is not installed is left out.")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        settings = Path(folder, "config/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings")
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"windowingMode": "none"}))  # every output stays in the page
        with jupyterlab(Path(folder)) as lab:
            pages = {name: browser.new_context(viewport={"width": 1280, "height": 1000}).new_page() for name in racers}
            for page in pages.values():
                page.add_init_script(WATCH)
            for points, limit in LIMITS.items():
                film(points=points, classes=10, epochs=EPOCHS).save(lab.folder / "film.npz")
                for name, page in pages.items():
                    notebook(lab, page, points, name)
                times = race(pages, steps)
                print(f"\n{points:,} points, milliseconds from the call to the painted frame ({load()})", flush=True)
                for name, values in times.items():
                    (middle, full), slowest = np.median(values, axis=0), values[:, 0].max()
                    told = f"ours takes {np.median(times['ours'][:, 0] / values[:, 0]):.2f} of it"
                    if name == "ours":
                        told = f"{verdict(middle <= limit, f'{limit} ms')}, with its panels {full:.0f}"
                    print(f"  {NAMES.get(name, name):<18}{middle:7.0f}   slowest {slowest:5.0f}   {told}")
                page = pages["ours"]
                page.bring_to_front()
                if points == 5_000:
                    rate = np.median(page.evaluate(TWEEN))
                    print(f"  tween {rate:.0f} frames a second, {verdict(rate >= 50, 'at least 50')} ({load()})")
                if points == 20_000:
                    middle, slow = np.quantile(page.evaluate(HOVER), [0.5, 0.95])
                    told = verdict(slow <= 16, "16 ms")
                    print(f"  hover {middle:.1f} ms, 95 in 100 below {slow:.1f} ms, {told} ({load()})")
    size = len(film(points=5_000, classes=10, epochs=15).to_html().encode()) / 1e6
    told = verdict(size <= 2, "2 MB")
    print(f"\na page of 5,000 points with pictures of noise, 15 epochs warm and cold: {size:.2f} MB, {told}")


if __name__ == "__main__":
    main()
