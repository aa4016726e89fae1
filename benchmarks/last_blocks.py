"""Makes the table of a pair of PACS with the last blocks of the ImageNet network trained, into results/.

    COURSE_ORIGINALS=... python3 course.py bench last_blocks [--jobs 2]

The blocks before them stay frozen, so their maps are asked for once and kept. Stale records are removed, and
those that are still true are kept.
"""

from __future__ import annotations

import argparse
import dataclasses

import torch

import course_utils as cu
from benchmarks import results
from course_utils import compare

SIDES, SIDE = ("pacs/photo", "pacs/art_painting"), 128
BELOW = "blocks.5"
"""What follows learns: the last of seven blocks and the last convolution, 1.0 of 3.4 million weights."""
STRATEGIES = (cu.DAN(), cu.MCC())


def opened() -> tuple[cu.nets.Net, cu.DomainPair]:
    """The net that learns, with a bottleneck and a head as `feature_net` has them, and the pair of its maps."""
    below, above = cu.nets.split(cu.nets.imagenet_net(), BELOW, SIDE)
    domains = (
        dataclasses.replace(cu.extract(below, cu.domain(name)), name=f"{name}@imagenet_net-maps") for name in SIDES
    )
    pair = cu.pair(tuple(domains))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        like = cu.nets.feature_net(above.width, pair.classes)
    return cu.nets.Net(above.backbone, like.bottleneck, like.head, like.width, pair.classes, pretrained=True), pair


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=2)
    jobs = options.parse_args().jobs
    results.remove_stale()
    net, pair = opened()
    rows = [(a, s) for a in (cu.SourceOnly(), cu.AdaBN(), *STRATEGIES, cu.TargetOnly()) for s in results.SEEDS]
    for settings, naming in (({"net": net}, "net"), ({"net": net, "learning_rate": 1e-3}, "learning_rate")):
        missing = [(a, s) for a, s in rows if not compare.record_path(pair.name, a, s, settings).exists()]
        for record in compare.computed(missing, pair, settings, jobs, compare.RECORDS):
            # By the images that the maps were made of, which are the same everywhere: a map's last bits are not.
            compare.write_record(dataclasses.replace(record, data=compare.data_hash(pair.name)), compare.RECORDS)
        print(compare.recorded(pair.name, naming).summary().round(3).to_string())


if __name__ == "__main__":
    main()
