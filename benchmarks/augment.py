"""Images a second: this course's batched augmentation, torchvision image by image, kornia batched.

Every competitor rotates by up to 10 degrees, scales by up to 10 % and shifts by up to 7 %, with
another draw for each image, and ends with float images in [0, 1]. Rounds are interleaved, so that a
busy moment hits all of them. Below them the course's other augmentations, which do something else: their lines say
what they cost beside those.
`python -m benchmarks.augment [--rounds 21] [--batch 64] [--threads 1]`; kornia is in the extra `bench`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from course_utils.data import Augment, FourierStyle, Part, RandAugment, RandomConvolution, TrivialAugment, domain
from course_utils.data.augment import Augmentation

Transform = Callable[[Tensor], Tensor]


def ours(augment: Augmentation) -> Transform:
    generator = torch.Generator().manual_seed(0)
    return lambda images: augment(images, generator)


def torchvision_per_image() -> Transform:
    linear = v2.InterpolationMode.BILINEAR
    affine = v2.RandomAffine(10, translate=(0.07, 0.07), scale=(0.9, 1.1), interpolation=linear)
    transform = v2.Compose([affine, v2.ToDtype(torch.float32, scale=True)])
    return lambda images: torch.stack([transform(image) for image in images])


def kornia_batched() -> Transform | None:
    try:
        from kornia.augmentation import RandomAffine
    except ImportError:
        print("kornia is not installed (pip install kornia): its line is left out.")
        return None
    transform = RandomAffine(10, translate=(0.07, 0.07), scale=(0.9, 1.1), p=1)
    return lambda images: transform(images / 255)


def race(competitors: dict[str, Transform], images: Tensor, rounds: int, seconds: float = 0.1) -> dict[str, np.ndarray]:
    """Images a second of each competitor in each round, `(rounds,)`."""
    for transform in competitors.values():
        transform(images)
    speeds: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(rounds):
        for name, transform in competitors.items():
            batches, start = 0, time.perf_counter()
            while (spent := time.perf_counter() - start) < seconds:
                transform(images)
                batches += 1
            speeds[name].append(batches * len(images) / spent)
    return {name: np.array(values) for name, values in speeds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    competitors = {
        "course_utils, batched": ours(Augment(rotation=10, scale=0.1, translation=0.07)),
        "torchvision v2, per image": torchvision_per_image(),
        "kornia, batched": kornia_batched(),
    }
    competitors = {name: transform for name, transform in competitors.items() if transform is not None}
    for name in ("mnist-5k", "mnist-m-5k"):
        style = FourierStyle(Part(domain(name), "train", domain(name).splits["train"]))
        others = (RandomConvolution(), style, RandAugment(), TrivialAugment())
        competitors |= {type(other).__name__: ours(other) for other in others}
        images = torch.from_numpy(np.array(domain(name).images[: chosen.batch]))
        shape = " x ".join(map(str, images.shape))
        print(f"\n{shape}, {chosen.rounds} interleaved rounds, {chosen.threads} thread(s)")
        speeds = race(competitors, images, chosen.rounds)
        for competitor, values in speeds.items():
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            ratio = np.median(speeds["course_utils, batched"] / values)
            print(f"{competitor:<27}{middle:>11,.0f} images/s   middle half {low:,.0f} to {high:,.0f}   "
                  f"ours is {ratio:.1f} times as fast")  # fmt: skip


if __name__ == "__main__":
    main()
