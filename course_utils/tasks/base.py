"""What every task says of itself, and what is refused before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.data.batches import View
from course_utils.data.domain import SealedLabelsError
from course_utils.data.objects import check_objects
from course_utils.data.pair import DomainPair
from course_utils.nets import Net, Output

Arrays = Mapping[str, Tensor]
"""Of as many images each: targets by their names, or what an evaluation keeps."""


class MissingTargetError(ValueError):
    """Raised for a task that a domain has no targets for, or that a net has no head for."""


@runtime_checkable
class Task(Protocol):
    """What `fit(..., task=)` learns.

    targets: what of `Domain.targets` it reads.  names: of its losses, in order.
    net: the one that `fit` makes where it is given none.  map_head: on a feature of every pixel `(n, width, h, w)`.
    shape: of one image's logits, where the image has this size.
    fill: puts an output into a view as rows: features, logits and, where open, labels; what strategies align.
    losses: by name, of a filled view.  loss: their sum.
    moved: the targets of images that went through `maps` (`data.augment.move`).
    kept: what an evaluation keeps of an output, at least `features` `(n, d)` and `logits` `(n, *rows, k)`.
    rows: the class of each of those rows `(n, *rows)`.
    scores: by name, over a whole split, each in [0, 1].
    """

    targets: tuple[str, ...]
    names: tuple[str, ...]

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net: ...
    def map_head(self, width: int, classes: int) -> nn.Module: ...
    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]: ...
    def fill(self, view: View, output: Output) -> None: ...
    def losses(self, view: View) -> dict[str, Float[Tensor, ""]]: ...
    def loss(self, view: View) -> Float[Tensor, ""]: ...
    def moved(self, truth: Arrays, maps: Float[Tensor, "n 2 3"], size: tuple[int, int]) -> Arrays: ...
    def kept(self, output: Output) -> dict[str, Tensor]: ...
    def rows(self, kept: Arrays, truth: Arrays) -> Tensor: ...
    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]: ...


def refuse_sealed(view: View) -> None:
    """Raises SealedLabelsError where a loss is asked of images whose answers are not open."""
    if view.labels is None and view.truth is None:
        raise SealedLabelsError(
            "A loss was asked of images whose labels are sealed. Nobody has labelled the target: learn the task from "
            "the source, self.task.loss(source), and take of the target what needs no label. cu.pair(..., shots=k) "
            "opens k labels a class."
        )


def check(task: Task, pair: DomainPair, net: Net) -> None:
    """Raises MissingTargetError and ObjectError, by name, for what this task could not learn or be scored on."""
    for domain in (pair.source.domain, pair.target.domain):
        if missing := [name for name in task.targets if name not in domain.targets]:
            raise MissingTargetError(
                f"{domain.name!r} has no {' and no '.join(missing)}, which {task!r} learns from. It holds "
                f"{', '.join(domain.targets)}; a set with boxes and masks is 'digit-scenes/plain'."
            )
    check_objects(pair.source.domain)
    if pair.source.domain.images.ndim == 4:
        _check_net(task, pair, net)


@torch.inference_mode()
def _check_net(task: Task, pair: DomainPair, net: Net) -> None:
    shape = pair.source.domain.images.shape[1:]
    wanted = task.shape(len(pair.classes), shape[1:])
    mode = net.training
    given = tuple(net.eval()(torch.zeros(1, *shape, device=net.mean.device)).logits.shape[1:])
    net.train(mode)
    if given != wanted:
        raise MissingTargetError(
            f"This net has no head for {task!r}: an image's logits have the shape {given}, and {wanted} is needed. "
            "Leave net out, or give your trunk another head: net.head = task.map_head(width, classes)."
        )
