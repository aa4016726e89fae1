"""Data at speed: batches against a per-image pipeline, decoding in worker processes, and an array built once.

    python3 course.py bench data [--rounds 7]

1. Batches of 128 digits, rotated, scaled and shifted (the course's LIGHT augmentation), as float tensors. Ours gathers
   them from the memory-mapped array and transforms them at once; the others do it image by image with Pillow in a
   DataLoader, from image files and, as torchvision's MNIST does, from an array in memory.
2. JPEG files of 500x375 decoded to 224x224 by `ImageFiles`, in this process and in two.
3. The four domains of PACS built into the store from generated JPEG files of 128x128, as many as published, and opened
   again.

Rounds are interleaved, so that a busy moment hits everybody; what is compared is the ratio within a round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import course_utils as cu
from course_utils.data import arrivals, catalog
from course_utils.data.images import ImageFiles
from course_utils.training import LIGHT

BATCH = 128


class PerImage(Dataset):
    """One image at a time: Pillow, torchvision's RandomAffine, a float tensor."""

    def __init__(self, sources: list[Path] | np.ndarray, mode: str) -> None:
        self.sources, self.mode = sources, mode
        # The first version of torchvision's transforms: on single Pillow images the second takes up to twice as long.
        affine = transforms.RandomAffine(
            LIGHT.rotation,
            translate=(LIGHT.translation, LIGHT.translation),
            scale=(1 - LIGHT.scale, 1 + LIGHT.scale),
            interpolation=transforms.InterpolationMode.BILINEAR,
        )
        self.transform = transforms.Compose([affine, transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> torch.Tensor:
        source = self.sources[index]
        image = Image.open(source).convert(self.mode) if isinstance(source, Path) else Image.fromarray(source)
        return self.transform(image)


def ours(images: np.ndarray) -> Callable[[], int]:
    """One pass over all images in a drawn order."""
    generator = torch.Generator().manual_seed(0)

    def run() -> int:
        order = np.random.default_rng(0).permutation(len(images))
        for start in range(0, len(images), BATCH):
            LIGHT(torch.from_numpy(images[order[start : start + BATCH]]), generator)
        return len(images)

    return run


def per_image(dataset: Dataset, workers: int) -> Callable[[], int]:
    """One pass as well: workers are started once, and none works ahead into another's turn."""
    loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def run() -> int:
        for _ in loader:
            pass
        return len(dataset)

    return run


def race(competitors: dict[str, Callable[[], int]], rounds: int) -> dict[str, np.ndarray]:
    """Images a second of each competitor in each round, `(rounds,)`."""
    for run in competitors.values():
        run()
    speeds = {name: [] for name in competitors}
    for number in range(rounds):
        names = list(competitors)[:: 1 if number % 2 else -1]
        for name in names:
            images, start = 0, time.perf_counter()
            while time.perf_counter() - start < 0.5:
                images += competitors[name]()
            speeds[name].append(images / (time.perf_counter() - start))
    return {name: np.array(values) for name, values in speeds.items()}


def show(speeds: dict[str, np.ndarray], against: str) -> None:
    for name, values in speeds.items():
        low, middle, high = np.quantile(speeds[against] / values, [0.25, 0.5, 0.75])
        print(f"{name:<44}{np.median(values):>10,.0f} images/s", end="")
        print(
            ""
            if name == against
            else f"   {against} is {middle:.1f} times as fast (middle half {low:.1f} to {high:.1f})"
        )


def draw(paths: list[Path], height: int, width: int) -> list[Path]:
    """JPEG files with structure at every scale and some noise, about as large as photographs of this size are."""
    rng = np.random.default_rng(0)
    for path in paths:
        picture = rng.normal(0, 4, (height, width, 3))
        for side in (4, 16, 64):
            coarse = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
            picture += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) * (1.6 / side**0.5)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture / 1.4, 0, 255).astype(np.uint8)).save(path, quality=88)
    return paths


def batches(folder: Path, rounds: int) -> None:
    for name in ("mnist-5k", "mnist-m-5k"):
        images = cu.domain(name).images
        pixels = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).squeeze()
        files = [folder / f"{name}-{i}.png" for i in range(len(pixels))]
        for file, array in zip(files, pixels, strict=True):
            Image.fromarray(array).save(file)
        print(f"\nBatches of {BATCH} from {name}, {' x '.join(map(str, images.shape[1:]))}, one thread")
        mode = "L" if images.shape[1] == 1 else "RGB"
        competitors = {"ours": ours(images)}
        for workers in (0, 2):
            loader = f"Pillow in a DataLoader, {workers} workers"
            competitors[f"{loader}, files"] = per_image(PerImage(files, mode), workers)
            competitors[f"{loader}, memory"] = per_image(PerImage(pixels, mode), workers)
        show(race(competitors, rounds), "ours")


def decoding(folder: Path, rounds: int, n: int = 400) -> None:
    paths = draw([folder / f"{i}.jpg" for i in range(n)], height=375, width=500)
    files = ImageFiles(paths, channels=3, size=224)

    def with_workers(count: int) -> Callable[[], int]:
        def run() -> int:
            os.environ["LOKY_MAX_CPU_COUNT"] = str(count)  # joblib takes it for the number of CPUs
            return len(files[:])

        return run

    print(f"\n{n} JPEG files of 500 x 375, {sum(p.stat().st_size for p in paths) // n // 1024} KiB each, to 224 x 224")
    competitors = {"in this process": with_workers(1), "in two worker processes": with_workers(2)}
    show(race(competitors, rounds), "in two worker processes")


def arrays(folder: Path, rounds: int) -> None:
    rows = catalog.set_rows("pacs")
    for row in rows:
        domain = folder / "PACS" / row.name.partition("/")[2]
        counts = zip(row.classes, row.per_class["all"], strict=True)
        draw([domain / name / f"{i}.jpg" for name, count in counts for i in range(count)], height=128, width=128)
    os.environ["COURSE_DATA"] = str(folder / "store")
    arrivals.take("pacs", folder / "PACS")

    def opening() -> tuple[list[float], int]:
        """Seconds of each domain, and the images of all."""
        seconds, images = [], 0
        for row in rows:
            start = time.perf_counter()
            images += len(cu.domain(row.name))
            seconds.append(time.perf_counter() - start)
        return seconds, images

    built, images = opening()
    print(f"\n{images:,} JPEG files of 128 x 128 as the four domains of PACS")
    print(f"built in {sum(built):.1f} s")
    again = [second for _ in range(rounds) for second in opening()[0]]
    print(f"opened again in {np.median(again) * 1000:.1f} ms a domain (at most {max(again) * 1000:.1f} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        batches(Path(folder), rounds)
        decoding(Path(folder), rounds)
        arrays(Path(folder), rounds)


if __name__ == "__main__":
    main()
