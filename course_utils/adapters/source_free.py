"""The source is gone: keep what its head says of features, and bring the target's features to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.critics import players_of
from course_utils.adapters.stages import stage
from course_utils.data.batches import View
from course_utils.losses import centroid_labels, cross_entropy, information_maximisation
from course_utils.nets import Net


@dataclass(eq=False)
class SHOTIM(Adapter):
    """SHOTIM: learn the source; then, without it, make the target's features such that the same head is sure of them.

    Paper: Liang, Hu, Feng 2020, "Do We Really Need to Access the Source Data? Source Hypothesis Transfer for
        Unsupervised Domain Adaptation", the row SHOT-IM.
    Minimises  L_y(source)  over encoder and head while progress < share;  then, with the head held,
        E H(p) - H(E p)  over the encoder alone.
    Symbols: share = of all steps, for the source;  p = softmax of the target's logits `(m, k)`;  E = mean over the
        batch;  H = entropy in nats;  encoder = all below the head, at `encoder_rate` times the run's learning rate.
    Differs from the paper: both stages are parts of one run under one learning rate schedule (share=0 begins with the
        second, from a net that is given, and learns nothing of the source); neither label smoothing nor weight norm.
    Can go wrong: it makes the classes equally frequent, also where the target's are not. A class that the net took for
        another stays that other, and surer. The second stage forgets the source.
    Taught in: notebook 12.
    """

    share: float = 0.5
    encoder_rate: float = 0.3

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)
        at_least(self, "encoder_rate", 0)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(source), "information": information_maximisation(target.logits)}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        yield stage(self, *self._net, batch, progress, second="encoder")

    def players(self, net: Net) -> dict[str, list[dict]]:
        return _net_and_encoder(net, self.encoder_rate)


@dataclass(eq=False)
class SHOT(Adapter):
    """SHOT: SHOTIM, and before each epoch every target image is told to be of the class whose centre is nearest.

    Paper: Liang, Hu, Feng 2020, "Do We Really Need to Access the Source Data? Source Hypothesis Transfer for
        Unsupervised Domain Adaptation".
    Minimises  L_y(source)  over encoder and head while progress < share;  then, with the head held,
        E H(p) - H(E p) + β E [-log p(ŷ)]  over the encoder alone.
    Symbols: share, p, E, H, encoder = as in SHOTIM;  β = pseudo_weight;  ŷ = class of the nearest centre by cosine, of
        all target training images in evaluation mode: centres of features `(n, d)` weighted by p, then once more
        centres of the images that were given to each.
    Differs from the paper: as SHOTIM; a class that nobody is taken for gets no image, as in the authors' code. The
        second stage begins with the labels of the epoch in which it begins, so let share take an epoch or more.
    Can go wrong: as SHOTIM; and where the centres of two classes lie side by side, the labels swap them for good.
    Taught in: notebook 12.
    """

    share: float = 0.5
    encoder_rate: float = 0.3
    pseudo_weight: float = 0.1

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)
        at_least(self, "encoder_rate", 0)
        at_least(self, "pseudo_weight", 0)

    def build(self, net: Net) -> None:
        self._net = (net,)

    def refresh(self, source: View | None, target: View) -> None:
        # Not in the state: a run that is taken up again begins with an epoch, and so with this.
        self._places = {number: place for place, number in enumerate(target.ids.tolist())}
        self._labels = centroid_labels(target.features, target.logits)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        places = torch.tensor([self._places[number] for number in target.ids.tolist()])
        pseudo = cross_entropy(target.logits, self._labels[places].to(target.logits.device))
        terms = {"task": self.task.loss(source), "information": information_maximisation(target.logits)}
        return terms | {"pseudo": self.pseudo_weight * pseudo}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        yield stage(self, *self._net, batch, progress, second="encoder")

    def players(self, net: Net) -> dict[str, list[dict]]:
        return _net_and_encoder(net, self.encoder_rate)


def _net_and_encoder(net: Net, rate: float) -> dict[str, list[dict]]:
    encoder = [group | {"rate": rate * group["rate"]} for group in players_of(net)[0]]
    return {"net": net.groups(), "encoder": encoder}
