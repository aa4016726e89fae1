"""A shift that fits on paper: two clouds in the plane, before and after a strategy. One function, one figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from torch import Tensor, nn

from course_utils import plots
from course_utils.adapters.base import Adapter
from course_utils.adapters.baselines import SourceOnly
from course_utils.data.domain import Domain
from course_utils.data.pair import DomainPair, pair
from course_utils.nets import Net
from course_utils.run import Run
from course_utils.training import fit

CLASSES = ("upper", "lower")
TURN = 35  # degrees from source to target: source-only loses a tip of each moon, and no riddle is left
POINTS, EDGE, STEPS = 600, 2.0, 120


def clouds(turn: float = TURN, points: int = POINTS) -> DomainPair:
    """Two half moons, and the same two turned by `turn` degrees about their middle. A "picture" is a point `(2,)`.

    The two domains are drawn apart: no target point is a source point that was turned.
    """
    return pair((_moons("moons", 0, points, seed=0), _moons("turned moons", turn, points, seed=1)))


def fitted(adapter: Adapter, on: DomainPair | None = None, seed: int = 0, **settings: object) -> Run:
    """A tiny net, two layers wide of 64, trained on the clouds in two to six seconds.

    on: other clouds. settings: options of `fit` that differ from the toy's.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = _net()
    own = {"epochs": 80, "batch_size": 64, "mixed_precision": False, "snapshots": False}
    return fit(adapter, on or clouds(), net=net, seed=seed, **own | settings)


def picture(adapter: Adapter, title: str, on: DomainPair | None = None, seed: int = 0) -> plots.Drawing:
    """Source-only and the strategy side by side: above the points with the net's regions, below its features.

    Features are `(n, 64)` and shown along the two directions in which source and target together vary most.
    """
    runs = {"SourceOnly": fitted(SourceOnly(), on, seed), type(adapter).__name__: fitted(adapter, on, seed)}
    return draw({plots.method(name).label: run for name, run in runs.items()}, title)


@plots.style()
def draw(runs: dict[str, Run], title: str) -> plots.Drawing:
    """The figure of `picture`, for runs that are there already: one column each."""
    drawing = plots.Drawing(3.1 * len(runs), 5.6, title)
    grid = drawing.subplots(2, len(runs), squeeze=False)
    scores = {name: run.exam().loc["last", "target"] for name, run in runs.items()}
    for (above, below), (name, run) in zip(grid.T, runs.items(), strict=True):
        _regions(above, run)
        above.set_title(f"{name}: {100 * scores[name]:.0f} % of target right")
        _features(below, run)
    grid[0, 0].set_ylabel("points, and regions of the net")
    grid[1, 0].set_ylabel("their features")
    drawing.legend(handles=plots.class_handles(CLASSES) + plots.domain_handles(), loc="outside lower left", ncols=4)
    told = "; ".join(f"{name} {score:.2f}" for name, score in scores.items())
    return drawing.describe(
        "Each column is one net: above, two half moons (source, filled circles) and the same turned (target, hollow "
        f"triangles) over the net's two regions; below, its features. Target accuracy: {told}."
    )


@plots.style()
def sheet(runs: dict[str, Run], title: str, columns: int = 5) -> plots.Drawing:
    """The points and the regions of many nets, a small panel each, with how many of 100 target points it gets right."""
    rows = -(-len(runs) // columns)
    drawing = plots.Drawing(1.75 * columns, 0.8 + 1.95 * rows, title)
    scores = {name: run.exam().loc["last", "target"] for name, run in runs.items()}
    for place, (name, run) in enumerate(runs.items(), start=1):
        axes = drawing.add_subplot(rows, columns, place)
        _regions(axes, run)
        axes.set_title(f"{name}: {100 * scores[name]:.0f}", fontsize=8.5)
    drawing.legend(handles=plots.class_handles(CLASSES) + plots.domain_handles(), loc="outside lower left", ncols=4)
    told = "; ".join(f"{name} {score:.2f}" for name, score in scores.items())
    return drawing.describe(f"Half moons and the same turned, over each net's two regions. Target accuracy: {told}.")


@plots.style()
def shaded(
    panels: Sequence[tuple[str, Run, Callable[[Tensor], Tensor]]],
    colours: str,
    title: str,
    words: str,
    classes: Sequence[int] = (0, 1),
) -> plots.Drawing:
    """The plane of the clouds, shaded by what a net makes of it, under the points of both domains.

    panels: a name, a run, and a function of the features `(m, 64)` at every place to `(m,)` between 0 and 1.
    colours: a colour map of matplotlib. classes: of the target's points, those that are drawn. words: what is seen.
    """
    drawing = plots.Drawing(2.2 * len(panels), 3.0, title)
    for axes, (name, run, of) in zip(drawing.subplots(1, len(panels)), panels, strict=True):
        with torch.no_grad(), run.normalised_for("target"):
            shade = of(run.net.eval()(_plane()).features).numpy().reshape(STEPS, STEPS)
        axes.imshow(shade, colours, extent=(-EDGE, EDGE) * 2, origin="lower", vmin=0, vmax=1, alpha=0.8)
        for side, marker, colour in (("source", "o", plots.GREY), ("target", "^", plots.INK)):
            part = getattr(run.pair, side).test
            places = part.images[np.isin(part.labels, classes) | (side == "source")]
            axes.plot(*places.T, marker, color=colour, markersize=3, markerfacecolor="none", alpha=0.7)
        axes.set(title=name, xticks=[], yticks=[], xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    return drawing.describe(words)


def _moons(name: str, turn: float, points: int, seed: int) -> Domain:
    rng = np.random.default_rng(seed)
    labels = np.arange(points) % 2
    along = np.pi * rng.random(points)
    upper, lower = (
        np.stack([np.cos(along) - 0.5, np.sin(along) - 0.25]),
        np.stack([0.5 - np.cos(along), 0.25 - np.sin(along)]),
    )
    places = np.where(labels == 0, upper, lower) + rng.normal(0, 0.09, (2, points))
    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cuts = points // 2, 5 * points // 8
    return Domain(
        name=name,
        images=(rotation @ places).T.astype(np.float32),
        targets={"label": labels.astype(np.int64)},
        classes=CLASSES,
        splits=dict(zip(("train", "validation", "test"), np.split(np.arange(points), cuts), strict=True)),
        ids=np.arange(points),
        groups=np.array([f"{name}:{i}" for i in range(points)]),
    )


def _net(width: int = 64) -> Net:
    body = nn.Sequential(nn.Linear(2, width), nn.ReLU())
    bottleneck = nn.Sequential(nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())
    return Net(body, bottleneck, nn.Linear(width, len(CLASSES)), width, CLASSES)


def _regions(axes: Axes, run: Run) -> None:
    """What the net calls every place of the plane, when it is normalised for the target."""
    with torch.no_grad(), run.normalised_for("target"):
        called = run.net.eval()(_plane()).logits.argmax(1).numpy().reshape(STEPS, STEPS)
    colours = ListedColormap(list(plots.class_colours(CLASSES).values()))
    axes.imshow(
        called, extent=(-EDGE, EDGE) * 2, origin="lower", aspect="auto", cmap=colours, vmin=0, vmax=1, alpha=0.16
    )
    for side in ("source", "target"):
        _points(axes, side, getattr(run.pair, side).test.images, getattr(run.pair, side).test.labels)
    axes.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))


def _plane() -> Float[Tensor, "m 2"]:
    """Every place that is drawn, row by row from below."""
    steps = np.linspace(-EDGE, EDGE, STEPS, dtype=np.float32)
    return torch.from_numpy(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))


def _features(axes: Axes, run: Run) -> None:
    clouds = {side: run.evaluations[-1][f"{side}_features"] for side in ("source", "target")}
    both = np.concatenate(list(clouds.values()))
    _, _, directions = np.linalg.svd(both - both.mean(0), full_matrices=False)
    for side, features in clouds.items():
        _points(axes, side, (features - both.mean(0)) @ directions[:2].T, getattr(run.pair, side).test.labels)


def _points(axes: Axes, side: str, places: Float[np.ndarray, "n 2"], labels: np.ndarray) -> None:
    colours = np.array(list(plots.class_colours(CLASSES).values()))[labels]
    look = (
        {"c": colours, "linewidths": 0}
        if side == "source"
        else {"marker": "^", "facecolors": "none", "edgecolors": colours, "linewidths": 0.9}
    )
    axes.scatter(*places.T, s=18, alpha=0.8, **look)
    axes.set(xticks=[], yticks=[])
    axes.set_box_aspect(1)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#CCCCCC")
