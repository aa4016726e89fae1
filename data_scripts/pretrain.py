"""Pretrain: trains again the small net that comes with the course, on the printed characters of `glyphs`."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from course_utils.adapters import SourceOnly
from course_utils.data import Augment, pair, store
from course_utils.data.augmentations.base import Transform, pixels_in_0_1
from course_utils.data.domain import SPLITS, Domain, Part
from course_utils.data.pair import DomainPair, Side
from course_utils.evaluation import probes
from course_utils.extract import extract
from course_utils.nets import Net
from course_utils.nets.pretrained import GLYPHS, untrained_glyph_net
from course_utils.training import fit


@dataclass(frozen=True)
class Handwriting(Transform):
    """Makes printed characters look as if written by a hand and scanned: `(n, c, h, w)` to the same in [0, 1].

    bend: spread of the shifts at 4x4 places, in half image sides, smooth between them (elastic distortion: Simard,
        Steinkraus, Platt. Best practices for convolutional neural networks applied to visual document analysis, 2003).
    ink: strokes get thicker or thinner by up to this share of a pixel on either side.
    coarse: the share of images that are scanned at 8 to 20 px a side and enlarged again.
    """

    bend: float = 0.1
    ink: float = 0.8
    coarse: float = 0.5

    def __call__(
        self, images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"], generator: torch.Generator
    ) -> Float[Tensor, "n c h w"]:
        images = pixels_in_0_1(images)
        n = len(images)
        shifts = self.bend * torch.randn((n, 2, 4, 4), generator=generator)
        ink, scanned = torch.rand((2, n, 1, 1, 1), generator=generator)
        side = int(torch.randint(8, 21, (), generator=generator))
        written = self._write(images, shifts, ink)
        return torch.where(scanned < self.coarse, _scan(written, side), written)

    def _write(self, images: Tensor, shifts: Tensor, ink: Tensor) -> Tensor:
        still = functional.affine_grid(torch.eye(2, 3).expand(len(images), 2, 3), images.shape, align_corners=False)
        shifts = functional.interpolate(shifts, images.shape[2:], mode="bicubic", align_corners=True)
        images = functional.grid_sample(images, still + shifts.permute(0, 2, 3, 1), align_corners=False)
        thick, thin = functional.max_pool2d(images, 3, 1, 1), -functional.max_pool2d(-images, 3, 1, 1)
        ink = self.ink * (2 * ink - 1)
        return torch.where(ink > 0, images.lerp(thick, ink), images.lerp(thin, -ink))


def _scan(images: Tensor, side: int) -> Tensor:
    coarse = functional.interpolate(images, (side, side), mode="area")
    return functional.interpolate(coarse, images.shape[2:], mode="bicubic").clamp(0, 1)


AUGMENT = Augment(rotation=15, scale=0.2, translation=0.08) + Handwriting()
EPOCHS, SEED = 30, 0
TARGETS, SHOTS, SEEDS = ("optdigits", "mnist-5k"), 5, range(5)


def pretrain(into: Path = GLYPHS) -> bool:
    """Writes the weights and the card beside them, and prints the card. Pixels, order and threads are fixed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        card = _trained(store.domain("glyphs"), into)
    finally:
        torch.set_num_threads(threads)
    into.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=1))
    return True


def _trained(glyphs: Domain, into: Path) -> dict:
    torch.manual_seed(SEED)
    settings = {"epochs": EPOCHS, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 0.01, "seed": SEED}
    run = fit(
        SourceOnly(),
        on_both_sides(glyphs),
        net=untrained_glyph_net(),
        augment=AUGMENT,
        mixed_precision=False,
        snapshots=False,
        device="cpu",
        **settings,
    )
    net = run.net.to(memory_format=torch.contiguous_format).eval()
    weights = save({name: tensor.contiguous() for name, tensor in net.state_dict().items()})
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_bytes(weights)
    torch_version = torch.__version__.partition("+")[0]  # without the build for a graphics card
    return {
        "file": into.name,
        "bytes": len(weights),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "data": {
            "domain": "glyphs",
            "split": "train",
            "sha256": hashlib.sha256(np.ascontiguousarray(glyphs.images)).hexdigest(),
        },
        "recipe": {
            "command": "python3 course.py data pretrain",
            "strategy": repr(run.adapter),
            "augment": repr(AUGMENT),
            **settings,
            "made with": f"torch {torch_version}, one thread, {platform.system()} {platform.machine()}",
        },
        "metrics": {
            "accuracy on the two fonts of validation": round(run.history["source_accuracy"].iloc[-1], 4),
            "accuracy on the four fonts of test": round(float(run.exam().loc["last", "source"]), 4),
            f"linear probe, {SHOTS} labels a class, scored on validation (chosen by)": development(net),
        },
        "licence": "MIT, as the course. Drawings of fonts: see the data card of glyphs.",
    }


def on_both_sides(domain: Domain) -> DomainPair:
    """A pair whose target is its source, for a run that adapts to nothing."""
    parts = {split: Part(domain, split, domain.splits[split]) for split in SPLITS}
    side = Side(**parts)
    return DomainPair(
        f"{domain.name} -> {domain.name}", side, side, domain.classes, unsealed="the target is the source"
    )


def development(net: Net) -> dict[str, float]:
    """What the recipe was chosen by: a probe on few labels of each target, scored on its validation split."""
    return {
        target: round(float(np.mean([_probed(net, f"glyphs -> {target}", seed) for seed in SEEDS])), 4)
        for target in TARGETS
    }


def _probed(net: Net, name: str, seed: int) -> float:
    drawn = pair(name, shots=SHOTS, seed=seed).unseal("the recipe of pretraining is chosen")
    features = extract(net, drawn.target.domain)
    shots, validation = (
        Part(features, part.split, part.indices) for part in (drawn.target.shots, drawn.target.validation)
    )
    return probes.accuracy(probes.linear_probe(), shots, validation)
