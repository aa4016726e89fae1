"""What the loop costs over a bare one: the same net, tensors, losses and optimiser, snapshots off on both sides.

    python3 course.py bench loop [--rounds 11]

Rounds are interleaved, so a busy machine slows both alike; the ratio of each round is what is read.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import numpy as np
import torch

import course_utils as cu
from course_utils import training
from course_utils.data.pair import DomainPair
from course_utils.losses import coral, cross_entropy
from course_utils.training import one_cycle

BATCH, RATE, EPOCHS = 64, 1e-2, 1


def bare_loop(pair: DomainPair, net: torch.nn.Module, mixed: bool) -> None:
    """DeepCORAL as a person writes it in a script: channels-last tensors in memory, fused AdamW, one-cycle."""
    sides = [pair.source.train, pair.target.train]
    images = [
        (torch.from_numpy(part.images).float() / 255).contiguous(memory_format=torch.channels_last) for part in sides
    ]
    labels = torch.from_numpy(np.array(pair.source.train.labels))
    net = net.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2, fused=True)
    steps = EPOCHS * -(-max(map(len, images)) // BATCH)
    orders = [torch.cat([torch.randperm(len(x)) for _ in range(steps * BATCH // len(x) + 1)]) for x in images]
    for step in range(steps):
        source, target = (o[step * BATCH : (step + 1) * BATCH] for o in orders)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            s, t = net(images[0][source]), net(images[1][target])
        progress = step / (steps - 1)
        align = coral(s.logits.float(), t.logits.float())
        loss = cross_entropy(s.logits.float(), labels[source]) + 10 * progress * align
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = RATE * one_cycle(progress)
        optimiser.step()


def seconds(work: object) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=11)
    given = options.parse_args()
    torch.set_num_threads(1)
    pair = cu.pair("mnist-5k -> mnist-m-5k")
    net = cu.nets.default_net(pair.source.domain.images.shape[1:], pair.classes)
    mixed = torch.cpu._is_avx512_bf16_supported()
    settings = {"epochs": EPOCHS, "augment": None, "snapshots": False, "learning_rate": RATE}
    # The bare loop has no exam at its end, so ours is measured without one.
    training._evaluate = lambda run: {}

    def ours() -> None:
        cu.fit(cu.DeepCORAL(), pair, net=net, mixed_precision=mixed, **settings)

    def bare() -> None:
        bare_loop(pair, copy.deepcopy(net), mixed)

    ours(), bare()
    rounds = []
    for number in range(given.rounds):
        order = (ours, bare) if number % 2 else (bare, ours)
        took = {work: seconds(work) for work in order}
        rounds.append((took[ours], took[bare]))
    ratios = sorted(a / b for a, b in rounds)
    low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    images = 2 * BATCH * EPOCHS * -(-3500 // BATCH)
    for name, times in zip(("fit", "bare loop"), zip(*rounds, strict=True), strict=True):
        print(f"{name:>10}: {images / statistics.median(times):7.0f} images a second (median of {len(times)})")
    print(f"fit / bare loop: {statistics.median(ratios):.3f} (middle half {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
