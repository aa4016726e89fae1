"""What batch norm does with two domains: policies of a step, and statistics estimated anew (AdaBN)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_utils.errors import nearest
from course_utils.nets.net import Output

BATCHNORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def _joint(net: nn.Module, sides: list[Tensor]) -> list[Output]:
    joint = net(torch.cat(sides))
    lengths = [len(side) for side in sides]
    return [Output(f, z) for f, z in zip(joint.features.split(lengths), joint.logits.split(lengths), strict=True)]


def _separate(net: nn.Module, sides: list[Tensor]) -> list[Output]:
    return [net(side) for side in sides]


def _source(net: nn.Module, sides: list[Tensor]) -> list[Output]:
    first = net(sides[0])
    with running_statistics(net):
        return [first, *(net(side) for side in sides[1:])]


def _frozen(net: nn.Module, sides: list[Tensor]) -> list[Output]:
    with running_statistics(net):
        return [net(side) for side in sides]


BATCHNORM_POLICIES: dict[str, Callable[[nn.Module, list[Tensor]], list[Output]]] = {
    "joint": _joint,
    "separate": _separate,
    "source": _source,
    "frozen": _frozen,
}
"""How batch norm sees the two domains of a step.

joint: one forward pass over both, normalised by common statistics (split by length, never by half).
separate: one pass each, every domain normalised by its own batch.
source: the source trains the statistics; the target is normalised by the running ones.
frozen: both are normalised by the running statistics, which do not move.
"""


def batchnorm_policy(name: str) -> Callable[[nn.Module, list[Tensor]], list[Output]]:
    """Raises ValueError with the nearest names for an unknown policy."""
    if name not in BATCHNORM_POLICIES:
        raise ValueError(f"No batch-norm policy {name!r}.{nearest(name, BATCHNORM_POLICIES)}")
    return BATCHNORM_POLICIES[name]


def batchnorm_layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, BATCHNORM) and m.track_running_stats]


def learning_layers(net: nn.Module) -> list[nn.Module]:
    """The batch-norm layers that training normalises by its batches: what is frozen goes on by its own statistics."""
    mode = net.training
    net.train()
    learning = [layer for layer in batchnorm_layers(net) if layer.training]
    net.train(mode)
    return learning


@contextmanager
def running_statistics(net: nn.Module) -> Iterator[None]:
    """Inside, batch norm uses its running statistics and does not move them; the rest of the net stays in its mode."""
    training = [layer for layer in batchnorm_layers(net) if layer.training]
    for layer in training:
        layer.eval()
    try:
        yield
    finally:
        for layer in training:
            layer.train()


@torch.no_grad()
def estimate_statistics(net: nn.Module, batches: Iterable[Tensor], layers: list[nn.Module] | None = None) -> None:
    """Sets every batch-norm layer's running mean and variance to those over all `batches` (AdaBN).

    layers: these instead of all; the others normalise by the statistics that they have.

    Pooled from sums in float64 over all images, so the order and the size of the batches do not matter to a
    layer's own statistics; each batch is normalised by itself on the way up, so let batches be large.
    Only the statistics move. Raises ValueError for no images.
    """
    layers = batchnorm_layers(net) if layers is None else layers
    sums = {layer: [0, 0.0, 0.0] for layer in layers}
    momenta = {layer: layer.momentum for layer in layers}

    def add(layer: nn.Module, arguments: tuple[Tensor], _: Tensor) -> None:
        n = arguments[0].numel() / arguments[0].shape[1]
        mean, variance = layer.running_mean.double(), layer.running_var.double() * (n - 1) / n
        total = sums[layer]
        total[0], total[1], total[2] = (
            total[0] + n,
            total[1] + n * mean,
            total[2] + n * (variance + mean.square()),
        )

    mode = net.training
    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        net.eval()
        for layer in layers:
            layer.train()
            # With momentum 1 the layer's running statistics are those of the batch that it has just normalised.
            layer.momentum = 1.0
        for batch in batches:
            net(batch)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        net.train(mode)
    for layer, (n, first, second) in sums.items():
        if n == 0:
            raise ValueError("Batch-norm statistics need images: got none.")
        mean = first / n
        layer.running_mean.copy_(mean)
        layer.running_var.copy_((second / n - mean.square()) * n / max(n - 1, 1))


@contextmanager
def statistics_of(net: nn.Module, batches: Iterable[Tensor], layers: list[nn.Module] | None = None) -> Iterator[None]:
    """Inside, the net is normalised for the domain of `batches`; afterwards every buffer is what it was."""
    kept = [(buffer, buffer.clone()) for layer in batchnorm_layers(net) for buffer in layer.buffers()]
    try:
        estimate_statistics(net, batches, layers)
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)
