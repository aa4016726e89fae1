"""What a fit leaves behind: its history, its features per epoch, and an exam that cannot flatter."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from course_utils import inference
from course_utils.adapters.base import Adapter
from course_utils.adapters.checks import at_least
from course_utils.data.augment import Augmentation
from course_utils.data.batches import steps_per_epoch
from course_utils.data.contents import content_hash
from course_utils.data.domain import Part
from course_utils.data.pair import DomainPair
from course_utils.evaluation.validators import Validator
from course_utils.model import Model
from course_utils.nets import Net, Output, learning_layers, statistics_of
from course_utils.tasks import Task

if TYPE_CHECKING:
    import pandas as pd


STATISTICS_IMAGES, STATISTICS_NUMBERS = 1024, 2**22
"""What a side's batch-norm statistics are estimated on: a large image has many places, so fewer images do."""


@dataclass(frozen=True)
class Settings:
    """How a run was made, beside its adapter, pair and seed."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    batchnorm: str
    augment: Augmentation | None
    validator: Validator
    patience: int | None
    mixed_precision: bool
    snapshots: bool
    device: str
    task: Task

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 1), ("batch_size", 1), ("learning_rate", 0), ("weight_decay", 0)):
            at_least(self, name, lowest)
        if self.patience is not None:
            at_least(self, "patience", 0)
            if not self.snapshots:
                raise ValueError(
                    "patience counts evaluated epochs, and snapshots=False evaluates the last alone: give one of them."
                )

    def autocast(self) -> torch.autocast:
        """The precision of a forward pass, of the net and of a critic. Losses compute in float32."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.mixed_precision)


def began_with(pair: DomainPair, net: Net) -> str:
    """The images, the open labels and the net before its first step, as hashes: what a checkpoint belongs to."""
    text = hashlib.sha256(repr(net).encode()).hexdigest()[:12]  # tells what weights do not: another activation
    return f"images {' -> '.join(content_hash(pair))}, net {text} {net.sha256[:12]}"


@dataclass(frozen=True)
class Snapshots:
    """Features of the same test images after every epoch: what the maps and the widget play.

    source `(epochs, n, d)`, target `(epochs, m, d)`; labels and ids `(n,)` and `(m,)`;
    source_logits, target_logits `(epochs, n | m, k)`. Domain-test labels: open to evaluation only.
    """

    source: np.ndarray
    target: np.ndarray
    source_logits: np.ndarray
    target_logits: np.ndarray
    source_labels: np.ndarray
    target_labels: np.ndarray
    source_ids: np.ndarray
    target_ids: np.ndarray


@dataclass(eq=False)
class Run:
    """Made by `fit`. Everything that can be derived is derived when it is asked for."""

    adapter: Adapter
    pair: DomainPair
    seed: int
    settings: Settings
    net: Net
    optimisers: dict[str, torch.optim.Optimizer]
    began: str
    checkpoint: Path | None = None
    epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, np.ndarray]] = field(default_factory=list)
    selected_weights: dict[str, Tensor] | None = None
    stopped: str | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches it takes to see the larger domain once."""
        lengths = [len(self.pair.source.train), len(self.pair.target.train)]
        return steps_per_epoch(lengths, self.settings.batch_size)

    # -- what people read ----------------------------------------------------------------------------------------

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch: loss terms by name, source_accuracy, validator scores, probe distances. No target label."""
        import pandas as pd

        return pd.DataFrame(self.rows).rename_axis("row")

    @property
    def scores(self) -> list[float]:
        """The validator's score of each evaluated epoch."""
        column = type(self.settings.validator).__name__
        return [row[column] for row in self.rows if column in row]

    @property
    def selected_epoch(self) -> int:
        """The epoch (from 1) with the validator's best score; the first one on a tie."""
        return int(np.argmax(self.scores)) + 1

    def exam(self, oracle: Run | None = None) -> pd.DataFrame:
        """Accuracy on both test parts, by three rules of choosing the epoch; other tasks' scores in its place.

        last: the end of training.  selected: the best epoch by the validator, which saw no target label.
        peeked: the best epoch by the target's test labels, printed to be disbelieved.
        oracle: the last epoch of a run that was trained on target labels, when one is given.
        Raises ValueError for a run whose strategy reads no target label, or that is of another pair.
        """
        import pandas as pd

        accuracies = self.target_accuracies()
        epochs = {"last": len(accuracies)}
        if self.settings.snapshots:
            epochs |= {"selected": self.selected_epoch, "peeked": int(np.argmax(accuracies)) + 1}
        source = self._accuracies("source")
        rows = {
            name: {
                "epoch": e if self.settings.snapshots else self.epoch,
                "source": source[e - 1],
                "target": accuracies[e - 1],
            }
            for name, e in epochs.items()
        }
        if oracle is not None:
            reads = oracle.adapter.unseals or "shots" in oracle.adapter.sides
            if not reads or oracle.pair.name != self.pair.name:
                raise ValueError(
                    f"{oracle!r} is no oracle of {self.pair.name!r}: fit cu.TargetOnly() on the same pair."
                )
            rows["oracle"] = oracle.exam().loc["last"].to_dict()
        table = pd.DataFrame.from_dict(rows, orient="index").astype({"epoch": int})
        table.attrs["labels"] = self.pair.unsealed or "no target label was read in training or selection"
        return table

    def target_accuracies(self) -> list[float]:
        """Target test accuracy after each evaluated epoch; of a task with several scores, their mean."""
        return self._accuracies("target")

    def test_scores(self, side: str = "target") -> pd.DataFrame:
        """Every score of the task on that side's test part, one row an evaluated epoch."""
        import pandas as pd

        part = getattr(self.pair, side).test
        truth = {name: torch.from_numpy(part.target(name)) for name in self.settings.task.targets}
        rows = []
        for evaluation in self.evaluations:
            kept = {
                name.removeprefix(f"{side}_"): torch.from_numpy(array)
                for name, array in evaluation.items()
                if name.startswith(f"{side}_")
            }
            rows.append(self.settings.task.scores(kept, truth, self.pair.classes))
        return pd.DataFrame(rows)

    def _accuracies(self, side: str) -> list[float]:
        return self.test_scores(side).mean(axis=1).tolist()

    @property
    def snapshots(self) -> Snapshots:
        """At most 500 fixed test images a domain, after each evaluated epoch."""
        places = {
            side: np.searchsorted(getattr(self.pair, side).test.indices, probe.indices)
            for side, probe in zip(("source", "target"), self.pair.probe(), strict=True)
        }
        arrays = {
            name: np.stack([e[f"{side}_{kind}"][places[side]] for e in self.evaluations])
            for side in places
            for kind, name in (("features", side), ("logits", f"{side}_logits"))
        }
        source, target = self.pair.probe()
        return Snapshots(
            **arrays,
            source_labels=source.labels,
            target_labels=target.labels,
            source_ids=source.ids,
            target_ids=target.ids,
        )

    def __repr__(self) -> str:
        state = f", stopped: {self.stopped}" if self.stopped else ""
        epochs = f"epoch {self.epoch} of {self.settings.epochs}"
        return f"Run({self.adapter!r} on {self.pair.name!r}, seed {self.seed}, {epochs}{state})"

    # -- the trained net ---------------------------------------------------------------------------------------------

    def outputs(self, part: Part) -> Output:
        """Features `(n, d)` and logits `(n, k)` of a part, in evaluation mode with the net's present statistics."""
        return inference.outputs(
            self.net, part.domain.images, part.indices, self.settings.device, self.settings.autocast
        )

    def kept(self, part: Part) -> dict[str, Tensor]:
        """What the task keeps of a part's outputs: all that its scores, the validators and the maps read."""
        settings, images = self.settings, part.domain.images
        return inference.kept(self.net, images, part.indices, settings.task.kept, settings.device, settings.autocast)

    @contextmanager
    def normalised_for(self, side: str) -> Iterator[None]:
        """Inside, batch norm has one side's statistics: estimated on 1,024 of its training images (of 64 px
        341), without a label.

        Under `separate` the running statistics of a net that saw both domains are a mix of the two, which is neither's.
        A net that saw one domain keeps that domain's, also on the target, unless its strategy is to take the target's.
        What is frozen was normalised by its own statistics in training, and is so here, unless that is the strategy.
        """
        saw_both = len(self.adapter.sides) == 2
        if (self.settings.batchnorm == "separate" and saw_both) or (
            side == "target" and self.adapter.target_statistics
        ):
            train = getattr(self.pair, side).train
            # Drawn, not taken from the front: sets lie sorted by class, and one class has other statistics.
            most = min(STATISTICS_IMAGES, max(1, STATISTICS_NUMBERS // int(np.prod(train.domain.images.shape[1:]))))
            drawn = train.indices[np.random.default_rng(0).permutation(len(train))[:most]]
            # Slower than small batches, and truer: each is normalised by itself on the way up.
            images = inference.batches(train.domain.images, drawn, self.settings.device, larger=4)
            taken = side == "target" and self.adapter.target_statistics
            layers = None if taken else learning_layers(self.net)
            with self.settings.autocast(), statistics_of(self.net, images, layers):
                yield
        else:
            yield

    @property
    def model(self) -> Model:
        """A copy of the net as it is now, normalised for the target, with a card: what `save` keeps."""
        with self.normalised_for("target"):
            net = copy.deepcopy(self.net).eval().requires_grad_(False)
        card = {
            "strategy": repr(self.adapter),
            "pair": self.pair.name,
            "seed": self.seed,
            "epochs": self.epoch,
            "target labels": self.pair.unsealed or f"{0 if (few := self.pair.target.shots) is None else len(few)} read",
            "target accuracy": round(self.target_accuracies()[-1], 4) if self.evaluations else None,
        }
        return Model(net, self.pair.source.domain.images.shape[1:], card)

    def predict(self, images: np.ndarray | Tensor | str | os.PathLike) -> pd.DataFrame:
        """The class and the confidence of each image of an array or a folder, as `Model.predict` says."""
        return self.model.predict(images)

    def save(self, path: str | os.PathLike) -> Path:
        """Keeps the net, normalised for the target, in one file: `cu.load(path)` gives it back, in any process."""
        return self.model.save(path)

    # -- what a checkpoint holds ---------------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """What must be equal for one run to go on from another's state."""
        return f"{self.adapter!r} {self.pair.name} {self.seed} {self.settings} {self.began}"

    def state(self) -> dict:
        """Everything that training changes, copied. Only tensors, numbers and names: opens with weights_only."""
        return copy.deepcopy(
            {
                "identity": self.identity,
                "epoch": self.epoch,
                "net": self.net.state_dict(),
                "adapter": self.adapter.state_dict(),
                "optimisers": {name: o.state_dict() for name, o in self.optimisers.items()},
                "rows": self.rows,
                "evaluations": [{k: torch.from_numpy(v) for k, v in e.items()} for e in self.evaluations],
                "selected_weights": self.selected_weights,
            }
        )

    def restore(self, state: dict) -> None:
        """Puts a state back. Raises ValueError when it belongs to another run."""
        if state["identity"] != self.identity or state["optimisers"].keys() != self.optimisers.keys():
            raise ValueError(
                f"The checkpoint belongs to another run.\n  checkpoint: {state['identity']}\n"
                f"  this run:   {self.identity}\nName another file, or remove this one."
            )
        self.epoch, self.rows = state["epoch"], copy.deepcopy(state["rows"])
        self.evaluations = [{k: v.numpy() for k, v in e.items()} for e in state["evaluations"]]
        self.selected_weights = state["selected_weights"]
        self.net.load_state_dict(state["net"])
        self.adapter.load_state_dict(state["adapter"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(copy.deepcopy(state["optimisers"][name]))
