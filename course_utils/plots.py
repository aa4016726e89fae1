"""Every figure of every lesson.

A method has one colour in all lessons. Classes have the Okabe-Ito colours; the domain is shown by shape and
fill (source: filled circle, target: hollow triangle), never by colour alone. Figures stand on white paper, so
that they read the same in a light and in a dark notebook.

Each function returns a `Drawing`: the last line of a cell shows it, `show` shows it in the middle of one. It
carries its alternative text, and is stored as a PNG of few colours, since a lesson may weigh 600 KB.
"""

from __future__ import annotations

import html
import io
import itertools
import textwrap
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float, Integer, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from course_utils.errors import nearest
from course_utils.evaluation.maps import ShiftMap

if TYPE_CHECKING:
    import IPython.display

INK, PAPER, GREY = "#222222", "#FFFFFF", "#8C8C8C"
DPI = 100  # of a figure's width in the notebook
SHARPNESS = 1.25  # stored pixels for each of these: screens of high density would blur a PNG of 100 dpi
COLOURS = 128  # of a stored PNG

CLASS_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"),
    *("#802000", "#200080"),
)
"""Okabe and Ito's eight, then two that lie no closer to any of them than the eight lie to each other, for
red-blind and green-blind eyes too. Beyond eight, colour alone is not enough: maps label their clusters."""


class Method(NamedTuple):
    """How a method is called and coloured in every figure."""

    label: str
    colour: str


METHODS = {
    "SourceOnly": Method("source-only", "#6E6E6E"),
    "AdaBN": Method("AdaBN", "#56B4E9"),
    "DAN": Method("DAN", "#E69F00"),
    "DeepCORAL": Method("DeepCORAL", "#009E73"),
    "DANN": Method("DANN", "#0072B2"),
    "MixUp": Method("MixUp", "#A6761D"),
    "CutMix": Method("CutMix", "#7570B3"),
    "LinearProbe": Method("linear probe", "#56606B"),
    "FineTune": Method("fine-tuning", "#D95F02"),
    "GradualUnfreezing": Method("gradual unfreezing", "#B35900"),
    "DiscriminativeRates": Method("discriminative rates", "#E08214"),
    "LPFT": Method("LP-FT", "#1B7837"),
    "L2SP": Method("L2-SP", "#4393C3"),
    "DELTA": Method("DELTA", "#2166AC"),
    "BSS": Method("BSS", "#C51B7D"),
    "StochNorm": Method("StochNorm", "#762A83"),
    "JAN": Method("JAN", "#B8860B"),
    "CMD": Method("CMD", "#66A61E"),
    "HAFN": Method("HAFN", "#8C6BB1"),
    "SAFN": Method("SAFN", "#6A51A3"),
    "BSP": Method("BSP", "#DD1C77"),
    "CDAN": Method("CDAN", "#2C7FB8"),
    "CDANE": Method("CDAN+E", "#253494"),
    "ADDA": Method("ADDA", "#41B6C4"),
    "MCD": Method("MCD", "#B2182B"),
    "MDD": Method("MDD", "#EF6548"),
    "DeepJDOT": Method("DeepJDOT", "#01665E"),
    "SlicedWasserstein": Method("sliced Wasserstein", "#35978F"),
    "SWD": Method("SWD", "#7FBC41"),
    "WDGRL": Method("WDGRL", "#8C510A"),
    "EntropyMinimisation": Method("entropy minimisation", "#4DAF4A"),
    "MCC": Method("MCC", "#E7298A"),
    "BNM": Method("BNM", "#984EA3"),
    "PseudoLabels": Method("pseudo-labels", "#A65628"),
    "FixMatch": Method("FixMatch", "#1F78B4"),
    "MeanTeacher": Method("mean teacher", "#FB6A4A"),
    "SHOTIM": Method("SHOT-IM", "#B15928"),
    "SHOT": Method("SHOT", "#8C2D04"),
    "TENT": Method("TENT", "#8856A7"),
    "Triplet": Method("triplet", "#FF7F00"),
    "SupCon": Method("SupCon", "#117A65"),
    "LastLayer": Method("head alone", "#7A6A00"),
    "LastTwoBlocks": Method("last two blocks", "#C05020"),
    "EverythingAtOnce": Method("everything at once", "#5B2A86"),
    "FromScratch": Method("from scratch", "#882255"),
    "Prototypes": Method("prototypes", "#999933"),
    "FixedWeights": Method("equal weights", "#5E4FA2"),
    "UncertaintyWeights": Method("uncertainty", "#3288BD"),
    "GradNorm": Method("GradNorm", "#D53E4F"),
    "PCGrad": Method("PCGrad", "#1A9850"),
    "DWA": Method("DWA", "#9E6D00"),
    "PooledCORAL": Method("CORAL on patches", "#008B8B"),
    "MinEnt": Method("MinEnt", "#3A8E37"),
    "ADVENT": Method("ADVENT", "#C2185B"),
    "ClassBalanced": Method("class-balanced", "#00796B"),
    "FDA": Method("FDA", "#B8336A"),
    "source-only, longer": Method("source-only, longer", "#9A9A9A"),
    "AdaBN, longer": Method("AdaBN, longer", "#92CBEE"),
    "TargetOnly": Method("oracle (target-only)", "#000000"),
}
SPARE_COLOURS = ("#D55E00", "#CC79A7", "#802000", "#200080")

STYLE = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "figure.dpi": DPI,
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "legend.columnspacing": 1,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.3,
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}
_HALO = [withStroke(linewidth=2, foreground=PAPER)]
_CLEAR = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
_LINES = {
    "SourceOnly": {"color": METHODS["SourceOnly"].colour, "linewidth": 1.7, "linestyle": (0, (5, 2))},
    "TargetOnly": {"color": METHODS["TargetOnly"].colour, "linewidth": 1.7, "linestyle": ":"},
}


def style() -> AbstractContextManager:
    """`with style():` around a lesson's own drawing gives it the look of the others."""
    plain = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    return matplotlib.rc_context(plain | STYLE)


def ended(title: str) -> str:
    """A title as the sentence that a text begins with: ended by a full stop, unless it has an end of its own."""
    return title if title.endswith((".", "!", "?")) else f"{title}."


class Drawing(Figure):
    """A matplotlib figure that shows itself in a notebook, with a text for those who cannot see it."""

    def __init__(self, width: float, height: float, title: str) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.title, self.alt = title, title
        self.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
        self.suptitle(textwrap.fill(title, int(width * 9.5)), x=0.01, ha="left", linespacing=1.25)

    def describe(self, sentence: str) -> Drawing:
        """Writes the alternative text: the title, which says the finding, then what there is to see."""
        self.alt = f"{ended(self.title)} {sentence}"
        return self

    def _ipython_display_(self) -> None:
        show(self)


def show(figure: Figure, alt: str | None = None) -> None:
    """Shows a figure in the notebook and, folded below it, the same in words (`alt`, or the figure's own).

    The words stand in an output of their own because JupyterLab reads no alternative text out of a picture's
    metadata: a screen reader finds them here, and so does a reader of a page whose picture did not load.
    """
    from IPython.display import HTML, display

    picture = image(figure, alt or getattr(figure, "alt", ""))
    display(picture)
    words = html.escape(picture.alt)
    folded = f"<details><summary><small>This figure in words</small></summary><p>{words}</p></details>"
    display(HTML(folded))


def image(figure: Figure, alt: str) -> IPython.display.Image:
    """The figure as a PNG of few colours that carries `alt`. Raises ValueError for an empty one."""
    from IPython.display import Image

    if not alt.strip():
        raise ValueError("A figure without alternative text says nothing to a screen reader: pass alt='what is seen'.")
    return Image(data=png(figure), format="png", alt=alt, width=round(figure.get_figwidth() * DPI))


def png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG with a palette, on opaque paper."""
    from PIL import Image

    raw, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, dpi=DPI * SHARPNESS, facecolor=figure.get_facecolor())
    picture = Image.open(raw).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    picture.save(packed, "png", optimize=True)
    return packed.getvalue()


def method(name: str) -> Method:
    """The label and colour of a method; a reader's own, not in METHODS, gets a spare colour by its name."""
    spare = SPARE_COLOURS[zlib.crc32(name.encode()) % len(SPARE_COLOURS)]
    return METHODS.get(name, Method(name, spare))


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """A colour for each class. Raises ValueError beyond ten: no eye tells so many apart."""
    if len(classes) > len(CLASS_COLOURS):
        raise ValueError(
            f"{len(classes)} classes, and only {len(CLASS_COLOURS)} colours can be told apart. "
            "Draw the classes that the figure is about, and leave the others out."
        )
    return dict(zip(classes, CLASS_COLOURS, strict=False))


@style()
def image_grid(rows: Mapping[str, UInt8[np.ndarray, "_ _ _ _"]], title: str) -> Drawing:
    """Example images, one labelled row each: uint8 (n, c, h, w), grey (c = 1) or RGB (c = 3)."""
    columns = max(len(images) for images in rows.values())
    cell = min(0.8, 6.6 / columns)
    drawing = Drawing(1.4 + columns * cell, 0.6 + len(rows) * cell, title)
    axes = drawing.subplots()
    for row, images in enumerate(rows.values()):
        for column, pixels in enumerate(images):
            half = 0.47 * np.array(pixels.shape[1:]) / max(pixels.shape[1:])
            top, left = row + 0.5 - half[0], column + 0.5 - half[1]
            _picture(axes, pixels, (left, left + 2 * half[1], top + 2 * half[0], top))
    axes.set(xlim=(0, columns), ylim=(len(rows), 0), xticks=[], yticks=np.arange(len(rows)) + 0.5, aspect="equal")
    axes.set_yticklabels([textwrap.fill(name, 16) for name in rows], fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawing.describe(
        "Rows of example images: " + "; ".join(f"{name} ({len(images)})" for name, images in rows.items()) + "."
    )


@style()
def shift_map(
    shift: ShiftMap,
    source_labels: Integer[np.ndarray, " n"],
    target_labels: Integer[np.ndarray, " m"],
    classes: Sequence[str],
    title: str,
) -> Drawing:
    """Both domains on one map, clusters labelled where they lie, with the mix of neighbours below."""
    drawing = Drawing(6.2, 6.4, title)
    axes = drawing.subplots()
    _map_panel(axes, shift, source_labels, target_labels, classes, markers=18)
    _name_clusters(axes, shift.source, source_labels, classes, weight="bold")
    _name_clusters(axes, shift.target, target_labels, classes, style="italic")
    axes.set_xlabel(f"mix of neighbours: {_mix(shift)} (0 apart, 1 perfectly mixed)")
    drawing.legend(handles=domain_handles(), loc="outside lower left", ncols=2)
    return drawing.describe(f"{_map_in_words(classes)} Mix in the {_mix(shift)}.")


@style()
def shift_maps(
    maps: Sequence[ShiftMap],
    source_labels: Integer[np.ndarray, " n"],
    target_labels: Integer[np.ndarray, " m"],
    classes: Sequence[str],
    panels: Sequence[str],
    title: str,
) -> Drawing:
    """Small multiples of one map: over epochs or over methods, `panels` being their names."""
    columns = min(4, len(maps))
    rows = -(-len(maps) // columns)
    width = max(2.15 * columns, 6.4)
    labelled = len(classes) > 8
    drawing = Drawing(width, rows * (width / columns + 0.4) + 1.2, title)
    axes = drawing.subplots(rows, columns, squeeze=False).ravel()
    for panel, shift, name in zip(axes, maps, panels, strict=False):
        _map_panel(panel, shift, source_labels, target_labels, classes, markers=6)
        if labelled:
            _name_clusters(panel, shift.source, source_labels, classes, size=9)
        panel.set_title(name)
    for empty in axes[len(maps) :]:
        empty.remove()
    handles = domain_handles() + ([] if labelled else class_handles(classes))
    drawing.legend(handles=handles, title=_MIX_SCALE, loc="outside lower left", ncols=5, alignment="left")
    each = "; ".join(f"{name}: mix in the {_mix(shift)}" for name, shift in zip(panels, maps, strict=True))
    return drawing.describe(f"{len(maps)} maps. {_map_in_words(classes)} {each}.")


@style()
def point_clouds(
    panels: Sequence[tuple[str, Sequence[np.ndarray], Sequence[np.ndarray], Callable[[np.ndarray], np.ndarray] | None]],
    title: str,
    words: str,
    rows: int = 1,
) -> Drawing:
    """Points in the plane, side by side: source as circles, target as triangles, in a colour for each class.

    panels: a name; the source's and the target's clouds, each a list of `(n, 2)`, one a class, or a single one in ink;
    and what shades the plane, a function of places `(m, 2)` from 0 (green) to 1 (purple), or None. words: what is seen.
    """
    drawing = Drawing(6.6, 0.9 + (2.0 if rows == 1 else 1.75) * rows, title)
    grid = drawing.subplots(rows, len(panels) // rows, sharex=True, sharey=True, squeeze=False)
    for axes, (name, source, target, _) in zip(grid.flat, panels, strict=True):
        for clouds, marker in ((source, "o"), (target, "^")):
            for points, colour in zip(clouds, CLASS_COLOURS if len(clouds) > 1 else [INK], strict=False):
                face = colour if marker == "o" else "none"
                axes.plot(*points.T, marker, color=colour, markersize=3.5, markerfacecolor=face, alpha=0.7)
        axes.set(title=name, aspect="equal", xticks=[], yticks=[])
    sides = grid.flat[0].axis()  # of all points, before a shade is drawn
    across, up = np.meshgrid(np.linspace(*sides[:2], 90), np.linspace(*sides[2:], 90))
    places = np.stack([across, up], axis=2).reshape(-1, 2).astype(np.float32)
    for axes, (*_, shade) in zip(grid.flat, panels, strict=True):
        if shade is not None:
            shades = np.reshape(shade(places), (90, 90))
            axes.imshow(shades, "PRGn_r", extent=sides, origin="lower", vmin=0, vmax=1, alpha=0.4)
    return drawing.describe(words)


@style()
def curves(
    histories: Mapping[str, pd.DataFrame],
    column: str,
    title: str,
    label: str,
    baseline: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """One column of each method's history over the epochs, every line labelled at its end.

    label: the axis in words, with its unit. baseline: source-only's value, drawn as a dashed line. limits: of
    the axis; an accuracy wants (0, 1). Raises ValueError for a column that a history has not.
    """
    drawing = Drawing(6.6, 3.6, title)
    axes = drawing.subplots()
    ends: list[tuple[float, float, str, str]] = []
    for name, history in histories.items():
        if column not in history:
            raise ValueError(f"The history of {name} has no column {column!r}.{nearest(column, map(str, history))}")
        line, values = method(name), history[["epoch", column]].dropna()
        look = {"color": line.colour, "linewidth": 2, "label": line.label} | _LINES.get(name, {})
        axes.plot(values["epoch"], values[column], **look)
        ends.append((*values.iloc[-1][["epoch", column]], line.label, line.colour))
    if baseline is not None:
        last = max(end[0] for end in ends)
        axes.axhline(baseline, **_LINES["SourceOnly"])
        ends.append((last, baseline, METHODS["SourceOnly"].label, METHODS["SourceOnly"].colour))
    axes.set(xlabel="epoch", ylabel=label, ylim=limits)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.01)
    _label_ends(axes, ends)
    words = ", ".join(f"{name} {y:.2f}" for _, y, name, _ in sorted(ends, key=lambda end: -end[1]))
    return drawing.describe(f"Lines of {label} over epochs. At the end: {words}.")


@style()
def shot_curve(frame: pd.DataFrame, title: str, label: str = "target accuracy") -> Drawing:
    """Accuracy against labels a class (`few_labels.shot_curve`), a line, a marker and a band for each learner.

    Lines: the mean over seeds. Bands: from the lowest to the highest seed. Few labels stand far apart, as on a
    logarithmic axis; "all" stands behind them, since a class's share of it differs.
    """
    shots, learners = list(dict.fromkeys(frame["shots"])), list(dict.fromkeys(frame["learner"]))
    counted = [np.log2(k) for k in shots if k != "all"]
    places = counted + [max(counted, default=0) + 1.5] * ("all" in shots)
    drawing = Drawing(6.6, 4.0, title)
    axes = drawing.subplots()
    ends, words = [], []
    for name, marker in zip(learners, itertools.cycle("osD^vP*X"), strict=False):
        seeds = frame[frame["learner"] == name].groupby("shots", sort=False)["accuracy"]
        mean, low, high = (getattr(seeds, of)().loc[shots].to_numpy() for of in ("mean", "min", "max"))
        line = method(name)
        axes.fill_between(places, low, high, color=line.colour, alpha=0.15, linewidth=0)
        axes.plot(places, mean, marker=marker, color=line.colour, linewidth=2, markersize=6, label=line.label)
        ends.append((places[-1], mean[-1], line.label, line.colour))
        words.append(f"{line.label} " + ", ".join(f"{m:.2f} at {k}" for k, m in zip(shots, mean, strict=True)))
    axes.set_xticks(places, [str(k) for k in shots])
    seeds = frame["seed"].nunique()
    axes.set(ylim=(0, 1), ylabel=label, xlabel=f"labels a class (line: mean of {seeds} seeds, band: lowest to highest)")
    axes.margins(x=0.02)
    _label_ends(axes, ends)
    return drawing.describe(f"Lines of {label} over labels a class, mean of {seeds} seeds. {'; '.join(words)}.")


@style()
def bars(
    table: pd.DataFrame,
    title: str,
    label: str = "target accuracy",
    baseline: str = "SourceOnly",
    oracle: str = "TargetOnly",
) -> Drawing:
    """Methods by their mean over seeds, best first; each seed a dot, the whisker from lowest to highest.

    table: one row a method, one column a seed (`runs(...).per_seed()`). The baseline is a bar and a dashed
    line through all the others, the oracle a dotted line. Raises ValueError for a table without the baseline.
    """
    if baseline not in table.index:
        raise ValueError(f"No row {baseline!r} to compare with.{nearest(baseline, map(str, table.index))}")
    means = table.mean(axis=1)
    shown = means.drop(oracle, errors="ignore").sort_values().index
    drawing = Drawing(6.6, 1.35 + 0.42 * len(shown), title)
    axes = drawing.subplots()
    for place, name in enumerate(shown):
        seeds = table.loc[name].dropna()
        axes.barh(place, means[name], height=0.62, color=method(name).colour, alpha=0.75)
        axes.hlines(place, seeds.min(), seeds.max(), color=INK, linewidth=1.4)
        axes.plot(seeds, np.full(len(seeds), place), "o", color=PAPER, markeredgecolor=INK, markersize=4, zorder=3)
        axes.annotate(
            f"{means[name]:.2f}",
            (seeds.max(), place),
            (7, 0),
            textcoords="offset points",
            va="center_baseline",
            bbox=_CLEAR,
        )
    axes.axvline(means[baseline], **_LINES["SourceOnly"])
    if oracle in table.index:
        axes.axvline(means[oracle], **_LINES["TargetOnly"])
        _note_line(axes, means[oracle], f"{method(oracle).label} {means[oracle]:.2f}", height=1.0)
    axes.set(xlim=(0, 1), xlabel=f"{label} (bar: mean, dots: {table.shape[1]} seeds, whisker: lowest to highest)")
    axes.set_yticks(range(len(shown)), [method(name).label for name in shown], fontsize=10)
    axes.tick_params(axis="y", length=0)
    words = "; ".join(
        f"{method(name).label} {means[name]:.2f} ({table.loc[name].min():.2f} to {table.loc[name].max():.2f})"
        for name in means.sort_values(ascending=False).index
    )
    return drawing.describe(f"Bars of {label}, mean over {table.shape[1]} seeds (lowest to highest): {words}.")


@style()
def answers(
    pictures: Mapping[str, UInt8[np.ndarray, "_ _ _"]],
    names: Sequence[Sequence[str]],
    probabilities: Sequence[Sequence[float]] | Float[np.ndarray, "_ _"],
    title: str,
) -> Drawing:
    """Captioned pictures, uint8 (c, h, w), and below each what a network calls it, surest first."""
    drawing = Drawing(2.5 * len(pictures), 4.5, title)
    axes = drawing.subplots(2, len(pictures), squeeze=False, height_ratios=(1.15, 1))
    words = []
    for (caption, pixels), top, below, called, sure in zip(pictures.items(), *axes, names, probabilities, strict=True):
        _picture(top, pixels, None)
        top.set_title(textwrap.fill(caption, 28))
        top.set_axis_off()
        places = np.arange(len(called))
        below.barh(places + 0.18, sure, height=0.3, color=[CLASS_COLOURS[0]] + [GREY] * (len(called) - 1))
        for place, name, probability in zip(places, called, sure, strict=True):
            below.text(0.01, place - 0.06, textwrap.shorten(name, 30, placeholder=" …"), va="bottom", fontsize=9.5)
            below.text(probability + 0.02, place + 0.18, f"{probability:.2f}", va="center", fontsize=9)
        below.set(xlim=(0, 1.15), ylim=(len(called) - 0.4, -0.75), yticks=[], xticks=[])
        below.spines[:].set_visible(False)
        words.append(f"{caption}: " + ", ".join(f"{n} {p:.2f}" for n, p in zip(called, sure, strict=True)))
    return drawing.describe("Pictures, each with the network's answers. " + "; ".join(words) + ".")


@style()
def confusion(matrix: pd.DataFrame, title: str) -> Drawing:
    """A confusion matrix (`evaluation.confusion`): shade is the share of the true class, number the count."""
    counts = matrix.to_numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size, few = len(matrix), len(matrix) <= 12
    drawing = Drawing(*((2.2 + 0.5 * size, 1.5 + 0.42 * size) if few else (7, 6.4)), title)
    axes = drawing.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto" if few else "equal")
    for row, column in np.argwhere(counts > 0) if few else ():
        colour = PAPER if shares[row, column] > 0.5 else INK
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=colour, fontsize=9)
    wide = few and max(map(len, map(str, matrix.columns))) > 3
    step = 1 if few else -(-size // 20)
    axes.set_xticks(range(0, size, step), matrix.columns[::step], rotation=45 if wide or not few else 0)
    axes.set_yticks(range(0, size, step), matrix.index[::step])
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    wrong = counts - np.diag(counts.diagonal())
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    share = counts.diagonal().sum() / max(counts.sum(), 1)
    worst = f"{matrix.index[row]} called {matrix.columns[column]}, {wrong[row, column]:.0f} times"
    return drawing.describe(
        f"Confusion matrix of {size} classes: {share:.2f} on the diagonal; the commonest error: {worst}."
    )


@style()
def matrix(
    table: pd.DataFrame, title: str, spread: pd.DataFrame | None = None, label: str = "accuracy, mean over seeds"
) -> Drawing:
    """Numbers from 0 to 1 as shades, each written in its cell; the best of every column in bold, in a frame.

    spread: from the lowest to the highest seed of every cell. Whatever is no further below the best of its column than
    half of both spreads is framed with it. Raises ValueError for a number outside 0..1: it would be no shade here.
    """
    values = table.to_numpy(float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"matrix: values from {values.min():.2f} to {values.max():.2f}; expected 0 to 1.")
    names = max(map(len, map(str, table.index)))
    drawing = Drawing(0.6 + 0.075 * names + 0.48 * table.shape[1], 1.6 + 0.34 * len(table), title)
    axes = drawing.subplots()
    # Shades end early, so that dark ink can be read on each of them.
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    reach = np.zeros_like(values) if spread is None else spread.to_numpy(float) / 2
    best = values.argmax(0), np.arange(table.shape[1])
    among_best = values + reach >= values[best] - reach[best]
    for (row, column), value in np.ndenumerate(values):
        weight = "bold" if among_best[row, column] else "normal"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, weight=weight)
        if among_best[row, column]:
            axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=1.4))
    axes.set_xticks(range(table.shape[1]), table.columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(table)), table.index)
    alike = "" if spread is None else ", and what its seeds cannot tell from it"
    axes.set_xlabel(f"{label}\nin a frame: the best of its column{alike}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    words = "; ".join(f"{column}: {table[column].idxmax()} {table[column].max():.2f}" for column in table)
    return drawing.describe(f"A table in shades, {label}. The best of each column: {words}.")


@style()
def reliability(table: pd.DataFrame, title: str) -> Drawing:
    """A reliability diagram (`evaluation.reliability`): accuracy of each bin of confidence, and its images.

    The gap between what a bin is and what it believes of itself is hatched.
    """
    filled = table[table["count"] > 0]
    width = (table["upper"] - table["lower"]).iloc[0]
    centre = filled["lower"] + width / 2
    error = float(((filled["accuracy"] - filled["confidence"]).abs() * filled["count"]).sum() / filled["count"].sum())
    drawing = Drawing(5.2, 4.8, title)
    top, below = drawing.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    top.bar(centre, filled["accuracy"], width * 0.92, color=CLASS_COLOURS[0], alpha=0.85)
    gap = filled["confidence"] - filled["accuracy"]
    top.bar(centre, gap, width * 0.92, filled["accuracy"], color="none", edgecolor=CLASS_COLOURS[1], hatch="///")
    top.plot((0, 1), (0, 1), color=INK, linewidth=1.2, linestyle="--")
    top.text(0.3, 0.33, "as sure as right", rotation=38, ha="center", va="bottom", fontsize=9.5, path_effects=_HALO)
    top.set_title(f"ECE {error:.3f}: the hatched gaps, weighted by images")
    top.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy of the bin")
    below.bar(centre, filled["count"], width * 0.92, color=GREY)
    below.set(xlabel="confidence (largest probability)", ylabel="images")
    words = "; ".join(f"{row.confidence:.2f} sure, {row.accuracy:.2f} right" for row in filled.itertuples())
    return drawing.describe(f"Reliability diagram, expected calibration error {error:.3f}. Bins: {words}.")


def _picture(axes: Axes, pixels: np.ndarray, extent: tuple[float, float, float, float] | None) -> None:
    grey = pixels.shape[0] == 1
    axes.imshow(pixels[0] if grey else pixels.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255, extent=extent)


def _map_panel(
    axes: Axes,
    shift: ShiftMap,
    source_labels: np.ndarray,
    target_labels: np.ndarray,
    classes: Sequence[str],
    markers: float,
) -> None:
    colours = np.array(list(class_colours(classes).values()))
    axes.scatter(*shift.source.T, s=markers, c=colours[source_labels], alpha=0.75, linewidths=0)
    edges = colours[target_labels]
    axes.scatter(*shift.target.T, s=markers * 1.3, marker="^", facecolors="none", edgecolors=edges, linewidths=0.9)
    points = np.concatenate([shift.source, shift.target])
    middle, half = (points.max(0) + points.min(0)) / 2, 0.53 * np.ptp(points, axis=0).max()
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.set(xticks=[], yticks=[], aspect="equal", xlabel=f"mix: {_mix(shift)}")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#CCCCCC")


def _name_clusters(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: Sequence[str], **look: object) -> None:
    for number, name in enumerate(classes):
        if (labels == number).any():
            cluster = points[labels == number]
            x, y = cluster[np.linalg.norm(cluster[:, None] - cluster, axis=2).sum(1).argmin()]  # its medoid
            axes.text(x, y, name, ha="center", va="center", path_effects=_HALO, **look)


def class_handles(classes: Sequence[str]) -> list[Line2D]:
    colours = class_colours(classes)
    return [Line2D([], [], marker="s", linestyle="none", color=colours[name], label=name) for name in classes]


def domain_handles() -> list[Line2D]:
    look = {"linestyle": "none", "color": INK, "markersize": 7}
    return [
        Line2D([], [], marker="o", label="source", **look),
        Line2D([], [], marker="^", markerfacecolor="none", label="target", **look),
    ]


def _mix(shift: ShiftMap) -> str:
    return f"features {shift.feature_mix.normalised:.2f}, map {shift.map_mix.normalised:.2f}"


_MIX_SCALE = "mix of neighbours: 0 apart, 1 perfectly mixed"


def _map_in_words(classes: Sequence[str]) -> str:
    return (
        "Source points are filled circles, target points hollow triangles, "
        f"coloured by class ({', '.join(classes)}). {_MIX_SCALE.capitalize()}."
    )


def _label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """A name at the end of each line, pushed apart where lines end close together."""
    low, high = axes.get_ylim()
    heights = np.array([(y - low) / (high - low) for _, y, _, _ in ends])
    order, step = np.argsort(heights), 0.075
    placed = heights.copy()
    for below, above in zip(order, order[1:], strict=False):
        placed[above] = max(placed[above], placed[below] + step)
    placed -= max(0, placed.max() - 1)
    for (x, y, name, colour), height in zip(ends, placed, strict=True):
        axes.annotate(
            name,
            (x, y),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 1.2,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def _note_line(axes: Axes, x: float, text: str, height: float) -> None:
    side = "right" if x > 0.5 else "left"
    axes.annotate(text, (x, height), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha=side)
