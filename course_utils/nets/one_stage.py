"""What torchvision's one-stage detectors make of the numbers at every place: their own loss, matching and reading."""

from __future__ import annotations

import abc
import functools
from typing import ClassVar

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from course_utils.nets.pyramid import map_sides, side_of

CLASSES = "cls_logits"


class OneStage(abc.ABC):
    """What a detector of torchvision, by its name, makes of the numbers that a net says; it has no weights itself.

    Every place says the same of each of its anchors, the boxes that it starts from: one number for each class, and
    those `beside` them, by torchvision's names. Logits are `(n, anchors * (classes + beside), places)`.
    """

    anchors: ClassVar[int]
    beside: ClassVar[dict[str, int]]

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture

    @abc.abstractmethod
    def terms(
        self, model: nn.Module, targets: list[dict], said: dict[str, Tensor], starts: list[Tensor], cells: list[int]
    ) -> dict[str, Tensor]:
        """What `model.compute_loss` returns, of the boxes that all anchors start from, and maps of so many cells."""

    def numbers(self, classes: int) -> int:
        """How many a place says."""
        return self.anchors * (classes + sum(self.beside.values()))

    def losses(
        self, logits: Float[Tensor, "n numbers places"], box: Num[Tensor, "n most 4"], box_label: Int[Tensor, "n most"]
    ) -> dict[str, Float[Tensor, ""]]:
        """torchvision's own loss terms, by its names."""
        said, starts = self._named(logits.float()), self._starts(*logits.shape[::2], logits.device)
        return self.terms(self._model, _targets(box, box_label), said, starts, _cells(logits.shape[2]))

    def owners(
        self, places: int, box: Num[Tensor, "n most 4"], box_label: Int[Tensor, "n most"]
    ) -> Int[Tensor, "n places"]:
        """Which of an image's objects each place answers for, by torchvision's own rule; -1 for none.

        Of several anchors the first that answers for one. Those that torchvision leaves out of its loss, since they
        overlap too little to be an object and too much to be none, answer for none.
        """
        starts = self._starts(len(box), places, box.device)
        matched = self.terms(self._matching, _targets(box, box_label), {}, starts, _cells(places))
        of_anchors = matched["matched"].unflatten(1, (places, self.anchors))
        first = (of_anchors >= 0).long().argmax(2, keepdim=True)
        owner = of_anchors.gather(2, first).squeeze(2)
        number = (box_label >= 0).long().cumsum(1) - 1  # torchvision counts those alone that are there
        row = (number[:, None] == owner[:, :, None]).long().argmax(2)
        return torch.where(owner >= 0, row, -1)

    @torch.no_grad()
    def detections(self, logits: Float[Tensor, "n numbers places"]) -> list[dict[str, Tensor]]:
        """What torchvision finds in each image: `boxes` `(d, 4)` in pixels, `scores` and `labels` `(d,)`."""
        n, _, places = logits.shape
        side, of_maps = side_of(places), [cells * self.anchors for cells in _cells(places)]
        said = {name: list(numbers.split(of_maps, 1)) for name, numbers in self._named(logits.float()).items()}
        starts = [list(of_image.split(of_maps)) for of_image in self._starts(n, places, logits.device)]
        return self._model.postprocess_detections(said, starts, [(side, side)] * n)

    @property
    def most(self) -> int:
        """Detections of an image at most."""
        return self._model.detections_per_img

    def heat(self, logits: Float[Tensor, "n numbers places"]) -> Float[Tensor, "n places classes"]:
        """Of each class the number of the place's anchor that is surest of it."""
        return self._named(logits)[CLASSES].unflatten(1, (-1, self.anchors)).amax(2)

    def _named(self, logits: Tensor) -> dict[str, Float[Tensor, "n anchors k"]]:
        numbers = logits.movedim(1, 2).unflatten(2, (self.anchors, -1)).flatten(1, 2)
        beside = list(self.beside.values())
        split = numbers.split([numbers.shape[2] - sum(beside), *beside], 2)
        return dict(zip((CLASSES, *self.beside), split, strict=True))

    def _starts(self, n: int, places: int, device: torch.device) -> list[Float[Tensor, "anchors 4"]]:
        """The anchors of `n` images, which are those of one."""
        from torchvision.models.detection.image_list import ImageList

        side = side_of(places)
        images = ImageList(torch.empty(1, 3, side, side, device="meta"), [(side, side)])
        # float32 always: torchvision keeps its anchors in the type of these, and bfloat16 would round them for good.
        maps = [torch.empty(1, 1, of, of, device=device, dtype=torch.float32) for of in map_sides(side)]
        return self._model.anchor_generator(images, maps) * n

    @functools.cached_property
    def _model(self) -> nn.Module:
        return self._weightless()

    @functools.cached_property
    def _matching(self) -> nn.Module:
        """The same, whose loss is which object each anchor was matched with."""
        model = self._weightless()
        model.head.compute_loss = lambda targets, said, anchors, matched: {"matched": torch.stack(matched)}
        return model

    def _weightless(self) -> nn.Module:
        import torchvision  # its detection brings matplotlib along

        with torch.device("meta"):  # loss and reading use no weight of it
            return torchvision.models.get_model(self.architecture, weights=None, weights_backbone=None, num_classes=1)


def _targets(box: Tensor, box_label: Tensor) -> list[dict[str, Tensor]]:
    there = box_label >= 0
    return [
        {"boxes": corners[own].float(), "labels": label[own].long()}
        for corners, label, own in zip(box, box_label, there, strict=True)
    ]


def _cells(places: int) -> list[int]:
    return [side**2 for side in map_sides(side_of(places))]
