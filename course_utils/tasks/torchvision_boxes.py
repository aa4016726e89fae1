"""A box around every object, as torchvision's one-stage detectors learn and tell them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.data.batches import View
from course_utils.data.objects import ABSENT
from course_utils.evaluation.detection import average_precision
from course_utils.nets import Net, Output
from course_utils.nets.detectors import one_stage
from course_utils.nets.detectors import torchvision_detector as detector
from course_utils.nets.one_stage import OneStage
from course_utils.nets.pyramid import places_of
from course_utils.tasks.base import Arrays, MissingTargetError, refuse_sealed
from course_utils.tasks.boxes import Boxes

EVERY = 4  # places between two that strategies align


@dataclass(frozen=True)
class TorchvisionBoxes(Boxes):
    """Boxes for `nets.torchvision_detector`: torchvision's own loss and reading, and AP50 over the whole split.

    architecture: of that net, by torchvision's name; the two must agree, and for the two versions of RetinaNet, whose
        losses differ and whose shapes do not, nothing else says so. Raises ValueError with the nearest names for one
        not read here.
    A strategy sees every fourth place of all maps as one row, from one that each step draws: its class, 0 for
    background, and its feature. It is for people with a GPU: such a net has 32 million weights and more.
    """

    architecture: str = "fcos_resnet50_fpn"

    def __post_init__(self) -> None:
        one_stage(self.architecture)

    @property
    def kind(self) -> OneStage:
        """What torchvision makes of the net's numbers."""
        return one_stage(self.architecture)

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
        return detector(self.architecture, classes)

    def map_head(self, width: int, classes: int) -> nn.Module:
        raise MissingTargetError(
            f"{self!r} reads five maps of one net, not a feature of every pixel: learn it alone with "
            "net=cu.nets.torchvision_detector(...), or take cu.Boxes() for a trunk of yours."
        )

    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]:
        return self.kind.numbers(classes), places_of(size[0])

    def fill(self, view: View, output: Output) -> None:
        (first,) = torch.randint(EVERY, (1,)).tolist()
        view.features = output.features[:, :, first::EVERY].movedim(1, 2).flatten(0, 1)
        view.logits = self._told_apart(output.logits)[:, first::EVERY].flatten(0, 1)
        view.labels = view.truth and self._classes(view.truth, output.logits.shape[2])[:, first::EVERY].flatten()

    def loss(self, view: View) -> Float[Tensor, ""]:
        """The sum of torchvision's terms."""
        refuse_sealed(view)
        return sum(self.kind.losses(view.output.logits, view.truth["box"], view.truth["box_label"]).values())

    def kept(self, output: Output) -> dict[str, Tensor]:
        """Pooled features, rows as in `fill` from the first place on, and what torchvision finds: of every image as
        many rows as it finds at most, with label -1 where there is nothing more."""
        rows = self._told_apart(output.logits)[:, ::EVERY]
        found = self.kind.detections(output.logits)
        padded = {
            name: torch.stack([_padded(of[name], self.kind.most) for of in found])
            for name in ("boxes", "scores", "labels")
        }
        places = torch.full((len(found),), output.logits.shape[2])
        return {"features": output.features.float().mean(2), "logits": rows, "places": places} | padded

    def rows(self, kept: Arrays, truth: Arrays) -> Int[Tensor, "n rows"]:
        return self._classes(truth, int(kept["places"][0]))[:, ::EVERY]

    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]:
        names = ("boxes", "scores", "labels")
        found = [
            {name: of[label >= 0] for name, of in zip(names, image, strict=True)}
            for *image, label in zip(*(kept[name] for name in names), kept["labels"], strict=True)
        ]
        return {"AP50": average_precision(found, truth["box"], truth["box_label"], classes)}

    def _told_apart(self, logits: Float[Tensor, "n numbers places"]) -> Float[Tensor, "n places k1"]:
        heat = self.kind.heat(logits)
        return torch.cat((torch.zeros_like(heat[..., :1]), heat), 2)

    def _classes(self, truth: Arrays, places: int) -> Int[Tensor, "n places"]:
        owner = self.kind.owners(places, truth["box"], truth["box_label"])
        return torch.where(owner >= 0, truth["box_label"].gather(1, owner.clamp(min=0)) + 1, 0)


def _padded(found: Tensor, most: int) -> Tensor:
    return torch.cat((found, found.new_full((most - len(found), *found.shape[1:]), ABSENT)))
