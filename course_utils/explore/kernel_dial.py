"""How wide a kernel has to be: its width against what MMD measures, and against what a network could learn from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils import losses
from course_utils.explore.base import Explorer
from course_utils.explore.dial import Panel, dial

WIDTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
BINS, FARTHEST = 40, 2.0  # of distances, in root mean squared distances


def kernel_dial(
    source: Float[np.ndarray, "n d"],
    target: Float[np.ndarray, "m _"],
    widths: Sequence[float] = WIDTHS,
    title: str = "How wide a kernel has to be",
) -> Explorer:
    """A dial over the widths of one Gaussian kernel, in mean squared distances of the features given.

    Left: MMD² and its pull, the length of its slope by a common shift of the target, each as a share of its highest.
    Right: the kernel over the distance of two images, beside how many pairs lie at each distance, of one domain and of
    two, as shares of the fullest bin.

    Raises ValueError for features of other widths, and for a width that is not above zero.
    """
    if source.shape[1:] != target.shape[1:]:
        raise ValueError(f"Source features are {source.shape[1:]} and target features {target.shape[1:]}: one net's.")
    if min(widths) <= 0:
        raise ValueError(f"A kernel {min(widths):g} mean squared distances wide is none: every width lies above 0.")
    here, there = torch.from_numpy(source).double(), torch.from_numpy(target).double()
    mean_squared = losses.mean_bandwidths(here, there, (1.0,))
    measured = torch.stack([_distance_and_pull(here, there, width * mean_squared) for width in widths], dim=1).numpy()
    shares = measured / measured.max(1, keepdims=True)
    x = (np.arange(BINS) + 0.5) * FARTHEST / BINS
    pairs = [
        _counted(between / mean_squared) for between in (_within(here, there), losses.squared_distances(here, there))
    ]
    curves = np.stack([[np.exp(-(x**2) / (2 * width)), *pairs] for width in widths])
    names = tuple(f"{width:g}" for width in widths)
    lines = ("kernel", "pairs of one domain", "pairs of two")
    panels = [
        Panel(
            "shares of the highest", ("MMD²", "its pull"), shares, "kernel width", range(len(widths)), (0, 1.05), names
        ),
        Panel("who is near", lines, curves, "distance, in root mean squared distances", x.tolist(), (0, 1.6)),
    ]
    said = [
        f"Width {name}: MMD² {distance:.3g}, at {100 * of:.0f} % of its highest; its pull at {100 * pull:.0f} %."
        for name, distance, (of, pull) in zip(names, measured[0], shares.T, strict=True)
    ]
    explorer = dial(title, "kernel width", names, panels, said)
    explorer.place = int(np.abs(np.log(widths)).argmin())  # still, it shows a kernel as wide as the cloud
    return explorer


def _distance_and_pull(here: Float[Tensor, "n d"], there: Float[Tensor, "m d"], width: Tensor) -> Float[Tensor, " 2"]:
    shift = torch.zeros(there.shape[1], dtype=there.dtype, requires_grad=True)
    distance = losses.mmd(here, there + shift, width)
    (slope,) = torch.autograd.grad(distance, shift)
    return torch.stack([distance.detach(), slope.norm()])


def _within(here: Float[Tensor, "n d"], there: Float[Tensor, "m d"]) -> Float[Tensor, " pairs"]:
    """Squared distances between two different images of one domain, of either."""
    return torch.cat([losses.squared_distances(z, z)[~torch.eye(len(z), dtype=torch.bool)] for z in (here, there)])


def _counted(squared: Float[Tensor, "*pairs"]) -> Float[np.ndarray, " bins"]:
    counts, _ = np.histogram(squared.sqrt().numpy(), bins=BINS, range=(0, FARTHEST))
    return counts / counts.max()
