"""What every dial is: one slider over precomputed positions, their pictures, and curves with the position marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import traitlets
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from course_utils import plots
from course_utils.explore import pictures
from course_utils.explore.base import Explorer
from course_utils.explore.page import STATIC

LINES = ({"linestyle": "-", "marker": "o"}, {"linestyle": "--", "marker": "^"}, {"linestyle": ":", "marker": "s"})


@dataclass(frozen=True)
class Panel:
    """One chart of a dial: at most three lines, `values` being NaN where there is nothing.

    values: `(lines, positions)` where the dial itself is the horizontal axis, and its position is marked;
        `(positions, lines, points)` where every position of the dial has curves of its own.
    across, x: what the horizontal axis is, and its numbers.  names: written there in place of the numbers.
    limits: of the vertical axis.  guides: horizontal lines to compare with, by name.
    """

    title: str
    lines: tuple[str, ...]
    values: Float[np.ndarray, "*positions lines points"]
    across: str
    x: Sequence[float]
    limits: tuple[float, float]
    names: tuple[str, ...] | None = None
    guides: Mapping[str, float] | None = None

    def header(self) -> dict[str, object]:
        x = {"label": self.across, "values": [float(value) for value in self.x], "names": self.names}
        y = {"low": self.limits[0], "high": self.limits[1], "guides": list((self.guides or {}).items())}
        return {"title": self.title, "lines": self.lines, "x": x, "y": y}


class Dial(Explorer, script=STATIC / "dial.js"):
    """A dial; see `shift_dial` and `adversary_dial`. place: its position, counted from 0."""

    place = traitlets.Int(0).tag(sync=True)

    @traitlets.validate("place")
    def _within(self, proposal: dict) -> int:
        last = len(self.header["places"]) - 1 if "places" in self.header else 0
        if not 0 <= proposal["value"] <= last:
            raise traitlets.TraitError(f"This dial has the positions 0 to {last}, and not {proposal['value']}.")
        return proposal["value"]

    def text(self) -> str:
        return self.message or f"{plots.ended(self.title)} {' '.join(self.header['said'])}"

    @plots.style()
    def twin(self) -> plots.Drawing:
        """Pictures at up to four positions, fewer where they are tall, and every chart at the present one."""
        header, arrays = self.header, self.arrays
        panels = header["panels"]
        if "answers" in header and not panels:
            return self._answers()
        shown, height = self._strips(), 0.3 + 2.1 * -(-len(panels) // 2)
        pictured = 0.95 * sum(np.clip(images.shape[2] / images.shape[3], 1, 3) for images in shown.values())
        drawing = plots.Drawing(7.2, 0.7 + pictured + height * bool(panels), self.title)
        above, below = drawing.subfigures(2, 1, height_ratios=(max(pictured, 0.01), max(height, 0.01)))
        if shown:
            axes = above.subplots(len(shown), 1, squeeze=False).ravel()
            for strip, (name, images) in zip(axes, shown.items(), strict=True):
                strip.imshow(pictures.strip(images))
                strip.set_axis_off()
                strip.set_title(name, fontsize=9.5)
        if panels:
            axes = below.subplots(-(-len(panels) // 2), 2, squeeze=False).ravel()
            for i, (chart, panel) in enumerate(zip(axes, panels, strict=False)):
                _draw(chart, panel, arrays[f"panel{i}"], self.place)
            for empty in axes[len(panels) :]:
                empty.remove()
        return drawing.describe(" ".join(header["said"]))

    def _answers(self) -> plots.Drawing:
        """One picture at up to four positions, and what it is called."""
        shown, places = self._strips(), self.header["places"]
        rows = [self.header["answers"][places.index(name.split()[-1])] for name in shown]
        names, sure = ([[part[i] for part in row] for row in rows] for i in (0, 1))
        return plots.answers({name: images[0] for name, images in shown.items()}, names, sure, self.title)

    def _strips(self) -> dict[str, UInt8[np.ndarray, "n c h w"]]:
        if "sheet" not in self.header:
            return {}
        places, each = self.header["places"], self.header["each"]
        images = pictures.tiles(self.arrays["sheet"], self.header["sheet"])
        most = min(len(places), max(1, 4 * images.shape[3] // images.shape[2]))
        chosen = np.unique(np.linspace(0, len(places) - 1, most).round().astype(int)) if most > 1 else [self.place]
        shown = min(each, 10)
        return {f"{self.header['label']} {places[i]}": images[i * each : i * each + shown] for i in chosen}


def dial(
    title: str,
    label: str,
    places: Sequence[str],
    panels: Sequence[Panel],
    said: Sequence[str],
    frames: UInt8[np.ndarray, "p n c h w"] | None = None,
    **header: object,
) -> Dial:
    """The explorer of these positions: `said` says each in one sentence, `frames` holds `n` pictures of each."""
    arrays = {f"panel{i}": np.asarray(panel.values, np.float32) for i, panel in enumerate(panels)}
    shape = {"label": label, "places": list(places), "said": list(said), "panels": [p.header() for p in panels]}
    if frames is not None:
        arrays["sheet"], shape["sheet"] = pictures.sheet(frames.reshape(-1, *frames.shape[2:]))
        shape["each"] = frames.shape[1]
    return Dial(arrays, title=title, header={**shape, **header})


def _draw(axes: Axes, panel: Mapping, values: np.ndarray, place: int) -> None:
    x, own = panel["x"], values.ndim == 3
    for row, name, look, colour in zip(
        values[place] if own else values, panel["lines"], LINES, plots.CLASS_COLOURS, strict=False
    ):
        axes.plot(x["values"], row, color=colour, linestyle=look["linestyle"], linewidth=2)
        at = np.flatnonzero(np.isfinite(row))[-1:] if own else [place]
        axes.plot(np.take(x["values"], at), np.take(row, at), look["marker"], color=colour, label=name, clip_on=False)
    if not own:
        axes.axvline(x["values"][place], color=plots.GREY, linewidth=1, zorder=0)
    for name, height in panel["y"]["guides"]:
        axes.axhline(height, color=plots.GREY, linewidth=1, linestyle=":")
        axes.annotate(name, (1, height), (0, 2), ("axes fraction", "data"), "offset points", ha="right", fontsize=8.5)
    axes.set(title=panel["title"], xlabel=x["label"], ylim=(panel["y"]["low"], panel["y"]["high"]))
    if x["names"]:
        axes.set_xticks(x["values"], x["names"])
    if len(panel["lines"]) > 1:
        axes.legend(loc="best")
