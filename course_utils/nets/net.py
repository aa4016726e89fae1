"""Net = backbone + bottleneck + head: its parts and blocks, what is frozen, and the recipe of its architecture."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.errors import nearest


class Output(NamedTuple):
    """Of each image, or of each place in each image."""

    features: Float[Tensor, "n d *places"]
    logits: Float[Tensor, "n k *cells"]


@dataclass(frozen=True)
class Recipe:
    """Which function makes a net of this architecture, with which options; weights are no part of it.

    head: the classes of a head that `with_head` put on afterwards.
    """

    maker: str
    options: dict[str, object]
    head: tuple[str, ...] | None = None


class Net(nn.Module):
    """`net(images) -> Output(features, logits)`.

    backbone: images `(n, c, h, w)` to `(n, width of the backbone)`.
    bottleneck: to the `(n, width)` features that strategies align.  head: to logits `(n, k)`.
    mean, std: of the pixels in [0, 1] that the weights were made for; they belong to the net, not to the data.
    classes: the names behind the logits.
    pretrained: its backbone learns at a tenth of the run's rate (Long et al. 2015).
    recipe: how its architecture is made again; None for a net that was put together by hand.
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
        self.recipe: Recipe | None = None
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

    # -- blocks, and which of them learn -----------------------------------------------------------------------------

    def blocks(self) -> dict[str, tuple[nn.Module, ...]]:
        """From input to output: the backbone's blocks, `bottleneck` where it learns anything, and `head`.

        A norm layer joins the layer before it; a sequence of larger modules counts as so many blocks.
        """
        found: dict[str, tuple[nn.Module, ...]] = {}
        for name, module in _in_order(self.backbone):
            if isinstance(module, NORMS) and found:
                found[next(reversed(found))] += (module,)
            elif _learns(module):
                found[name] = (module,)
        return found | {name: (part,) for name, part in self._parts.items() if name != "backbone" and _learns(part)}

    def freeze(self, name: str = "backbone") -> Net:
        """Stops the gradient of a part (backbone, bottleneck, head) or of one block.

        Raises ValueError with the nearest names for another one.
        """
        known = self.blocks() | {part: (module,) for part, module in self._parts.items()}
        if name not in known:
            raise ValueError(f"A net has no part {name!r}.{nearest(name, known)}")
        for module in known[name]:
            module.requires_grad_(False)
        return self.train(self.training)

    def freeze_below(self, blocks: int) -> Net:
        """Stops the gradient of the backbone but for its last `blocks` blocks; bottleneck and head learn on.

        Raises ValueError for more blocks than there are.
        """
        own = [name for name in self.blocks() if name not in ("bottleneck", "head")]
        if not 0 <= blocks <= len(own):
            raise ValueError(f"The backbone has {len(own)} blocks ({', '.join(own)}): {blocks} of them cannot learn.")
        for name in own[: len(own) - blocks]:
            self.freeze(name)
        return self

    def train(self, mode: bool = True) -> Net:
        """As in torch, but what is frozen stays in evaluation mode: its batch norm and dropout do not move."""
        super().train(mode)
        for module in self.modules() if mode else ():
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.train(False)
        return self

    @property
    def _parts(self) -> dict[str, nn.Module]:
        return {"backbone": self.backbone, "bottleneck": self.bottleneck, "head": self.head}

    # -- other nets made of this one ---------------------------------------------------------------------------------

    def with_head(self, classes: tuple[str, ...]) -> Net:
        """A copy with a fresh linear head for `classes`. It begins at zero, so no seed decides where it begins."""
        net = copy.deepcopy(self)
        net.head = nn.Linear(self.width, len(classes)).to(self.mean.device)
        nn.init.zeros_(net.head.weight)
        nn.init.zeros_(net.head.bias)
        net.classes = tuple(classes)
        if self.recipe is not None:
            net.recipe = dataclasses.replace(self.recipe, head=net.classes)
        return net

    def up_to(self, block: str) -> Net:
        """A copy that ends with a block of the backbone: its features are that block's output, averaged over places.

        The head is zero and has the same classes. Raises ValueError with the nearest names for no such block.
        """
        blocks = [name for name in self.blocks() if name not in ("bottleneck", "head")]
        if block not in blocks:
            raise ValueError(f"The backbone has no block {block!r}.{nearest(block, blocks)}")
        net = copy.deepcopy(self)
        net.backbone = _UpTo(net.backbone, net.blocks()[block][-1])
        net.bottleneck, net.recipe = nn.Identity(), None
        channels = max(self.mean.shape[1], next(self.backbone.parameters()).shape[1])
        with torch.inference_mode():
            net.width = net.eval().backbone(torch.zeros(1, channels, 32, 32, device=self.mean.device)).shape[1]
        net.head = nn.Linear(net.width, len(self.classes)).to(self.mean.device)
        nn.init.zeros_(net.head.weight)
        return net.train(self.training)

    @property
    def sha256(self) -> str:
        """Of all weights and buffers with their names: what a stored result of this net depends on."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


class _Reached(Exception):
    """Carries a block's output out of a backbone whose later layers are not wanted."""

    def __init__(self, output: Tensor) -> None:
        self.output = output


class _UpTo(nn.Module):
    def __init__(self, backbone: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        last.register_forward_hook(self._stop)

    def _stop(self, _: nn.Module, __: tuple[Tensor], output: Tensor) -> None:
        raise _Reached(output)

    def forward(self, images: Tensor) -> Float[Tensor, "n c"]:
        try:
            self.backbone(images)
        except _Reached as reached:
            output = reached.output
        return output.flatten(2).mean(2) if output.ndim == 4 else output


def _learns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _in_order(backbone: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in backbone.named_children():
        inner = list(child.named_children())
        if isinstance(child, nn.Sequential) and any(True for _, module in inner for _ in module.children()):
            yield from ((f"{name}.{step}", module) for step, module in inner)
        else:
            yield name, child


def steps_of(backbone: nn.Module) -> list[nn.Module]:
    """What a backbone consists of, in order; of a sequence of larger modules each."""
    return [module for _, module in _in_order(backbone)]


# -- recipes -----------------------------------------------------------------------------------------------------------

MAKERS: dict[str, Callable[..., Net]] = {}
"""Every function that makes a net, by name."""


def maker(make: Callable[..., Net]) -> Callable[..., Net]:
    """Notes on the net how it was made, so that a saved one can be built again before its weights are read.

    An option `weights` is not noted: where weights come from is over once they are in.
    """
    signature = inspect.signature(make)

    @functools.wraps(make)
    def made(*arguments: object, **options: object) -> Net:
        net = make(*arguments, **options)
        bound = signature.bind(*arguments, **options)
        bound.apply_defaults()
        net.recipe = Recipe(make.__name__, {n: v for n, v in bound.arguments.items() if n != "weights"})
        return net

    MAKERS[make.__name__] = made
    return made


def rebuilt(recipe: Recipe) -> Net:
    """A net of the recipe's architecture. Raises ValueError for a maker that this edition of the course has not."""
    if recipe.maker not in MAKERS:
        raise ValueError(f"No function {recipe.maker!r} makes nets here.{nearest(recipe.maker, MAKERS)}")
    net = MAKERS[recipe.maker](**recipe.options)
    return net if recipe.head is None else net.with_head(recipe.head)
