"""Feature extraction at speed, and what the wrong mean and standard deviation cost.

    python3 course.py bench extract [--rounds 7]

1. `cu.extract` against the bare batched pass: the same net and images in a loop that a person would write, batches of
   32, nothing kept on the disk.
2. `cu.extract` against the loop of the article that this course grew from: one image after the other, 64 of 224 px.
3. The second call, which only opens what the first one kept.
4. A linear probe on features with the mean and deviation that the weights were made for, and with ImageNet's, which
   most code takes for granted: fitted on photographs, tested in every style.

PACS takes part where COURSE_ORIGINALS is set. Races are in seconds of the processor and interleaved, so that a busy
machine slows both alike; the ratio of each round is what is read. The second call is in seconds of a clock.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import torch

import course_utils as cu
from course_utils.data import catalog
from course_utils.data.domain import Domain, Part
from course_utils.evaluation import probes
from course_utils.nets import IMAGENET_MEAN, IMAGENET_STD, Net

BATCH = 32


def bare(net: Net, images: np.ndarray) -> None:
    """The batched pass as a person writes it in a script, from pixels to features in memory."""
    net = copy.deepcopy(net).eval().to(memory_format=torch.channels_last)
    features = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH].copy()).float() / 255
            features.append(net(batch.contiguous(memory_format=torch.channels_last)).features)
    torch.cat(features)


def one_by_one(net: Net, images: np.ndarray) -> None:
    """The article's loop: `(n, 3, 224, 224)` images in memory, normalised already, one after the other."""
    model = copy.deepcopy(net).eval()
    dataset = ((torch.from_numpy(images).float() / 255 - net.mean) / net.std).numpy()
    with torch.no_grad():
        torch.cat([model.bottleneck(model.backbone(torch.tensor(image).unsqueeze(0))) for image in dataset])


@contextlib.contextmanager
def empty_store() -> Iterator[None]:
    kept = os.environ.get("COURSE_DATA")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_DATA"] = folder
        try:
            yield
        finally:
            del os.environ["COURSE_DATA"]
            os.environ |= {} if kept is None else {"COURSE_DATA": kept}


def extracted(net: Net, domain: Domain) -> None:
    """The first call, which does all the work."""
    with empty_store():
        cu.extract(net, domain)


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    work()
    return clock() - start


def race(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, what: str, n: int) -> None:
    """Prints how many times as fast ours is, round by round."""
    ours(), theirs()
    pairs = []
    for number in range(rounds):
        took = {work: seconds(work) for work in ((ours, theirs) if number % 2 else (theirs, ours))}
        pairs.append((took[ours], took[theirs]))
    low, middle, high = np.quantile([b / a for a, b in pairs], [0.25, 0.5, 0.75])
    speeds = [n / statistics.median(times) for times in zip(*pairs, strict=True)]
    print(
        f"{what}: {speeds[0]:.0f} against {speeds[1]:.0f} images a second, {middle:.3f} times as fast "
        f"(middle half of {rounds} rounds: {low:.3f} to {high:.3f})",
        flush=True,
    )


def photographs(domain: Domain, n: int, size: int) -> Domain:
    """The first n images of a domain, scaled: what is raced does not depend on what they show."""
    images = [cv2.resize(image.transpose(1, 2, 0), (size, size)).transpose(2, 0, 1) for image in domain.images[:n]]
    splits = {"train": np.arange(n - 2), "validation": np.array([n - 2]), "test": np.array([n - 1])}
    return dataclasses.replace(
        domain,
        name=f"{n} of {size} px",
        images=np.stack(images),
        targets={"label": domain.labels[:n]},
        splits=splits,
        ids=domain.ids[:n],
        groups=domain.groups[:n],
        sha256=None,
    )


def the_second_time(net: Net, domains: list[Domain]) -> None:
    with empty_store():
        first, *again = (seconds(lambda: [cu.extract(net, d) for d in domains], time.perf_counter) for _ in range(6))
    name, images = domains[0].name.partition("/")[0], sum(map(len, domains))
    print(f"{images:,} images of {name}: {first:.1f} s, and then {statistics.median(again):.3f} s", flush=True)


def with_statistics(net: Net, mean: tuple[float, ...], std: tuple[float, ...]) -> Net:
    net = copy.deepcopy(net)
    for buffer, values in ((net.mean, mean), (net.std, std)):
        buffer.copy_(torch.tensor(values).reshape_as(buffer))
    return net


def probed(net: Net, domains: list[Domain]) -> dict[str, float]:
    """Test accuracy in every domain of a linear probe that is fitted on the first one."""
    features = [cu.extract(net, domain) for domain in domains]
    train = Part(features[0], "train", features[0].splits["train"])
    estimator = probes.linear_probe()
    return {
        domain.name: probes.accuracy(estimator, train, Part(asked, "test", asked.splits["test"]))
        for domain, asked in zip(domains, features, strict=True)
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    torch.set_num_threads(1)
    net = cu.nets.imagenet_net()
    sets = ["patches"] + ["pacs"] * ("COURSE_ORIGINALS" in os.environ)
    domains = {name: [cu.domain(row.name) for row in catalog.set_rows(name)] for name in sets}
    photos = domains["patches"][0]
    for n, size in ((256, 96), (192, 128), (64, 224)):
        some = photographs(photos, n, size)
        work = partial(extracted, net, some), partial(bare, net, some.images)
        race(*work, given.rounds, f"against the bare pass, {some.name}", n)
    resnet = cu.nets.timm_net("resnet18", ("yes", "no"))
    for name, raced in (("EfficientNet-Lite0", net), ("ResNet-18", resnet)):
        work = partial(extracted, raced, some), partial(one_by_one, raced, some.images)
        race(*work, given.rounds, f"against the article's loop, {some.name}, {name}", n)
    the_second_time(net, domains[sets[-1]])
    wrong = with_statistics(net, IMAGENET_MEAN, IMAGENET_STD)
    for of_set in domains.values():
        for what, asked in (("its own (0.5)", net), ("ImageNet's", wrong)):
            found = probed(asked, of_set)
            print(
                f"mean and deviation {what:<14}" + ", ".join(f"{name} {a:.3f}" for name, a in found.items()), flush=True
            )


if __name__ == "__main__":
    main()
