"""Makes every run record that a lesson reads, into results/. Records that are still true are kept.

python3 course.py bench results [--jobs 2] [--only patches] [--confirm]

--confirm: after code was moved about and should compute the same, on the kind of processor that made the records. The
first seed of each strategy is fitted anew; where every number of it is the recorded one, digit for digit, the other
seeds' records are kept as well.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import pandas as pd

import course_utils as cu
from course_utils import adapters, compare, training
from course_utils.data.pair import DomainPair

MOMENTS = (cu.DAN(), cu.DeepCORAL())
FURTHER_MOMENTS = (cu.JAN(), cu.CMD(), cu.HAFN(), cu.SAFN(), cu.BSP())
GAMES = (cu.DANN(), cu.ADDA(), cu.CDAN(), cu.CDANE(), cu.MCD(), cu.MDD())
TRANSPORT = (cu.DeepJDOT(), cu.SlicedWasserstein(), cu.WDGRL())
ENTROPIES = (cu.EntropyMinimisation(), cu.MCC(), cu.BNM())
SELF_TRAINING = (cu.PseudoLabels(), cu.FixMatch(), cu.MeanTeacher())
SOURCE_FREE = (cu.SHOTIM(), cu.SHOT())
SEEDS = (0, 1, 2)
EVERY = (*MOMENTS, *ENTROPIES, *SELF_TRAINING, *SOURCE_FREE, *TRANSPORT, *GAMES, *FURTHER_MOMENTS)
TABLES = [
    ("mnist-5k -> mnist-m-5k", EVERY, {}),
    ("mnist-5k -> optdigits", (*MOMENTS, cu.DANN(), cu.CDAN(), cu.MCC(), *SOURCE_FREE, *FURTHER_MOMENTS), {}),
    ("optdigits -> mnist-5k", EVERY, {}),
    ("mnist-5k -> mnist-m-5k", MOMENTS, {"batchnorm": "joint"}),
    ("mnist-5k -> mnist-m-5k", (*MOMENTS, cu.DANN()), {"augment": training.LIGHT + cu.RandomConvolution()}),
]
"""Pair, strategies, and the settings of `fit` that differ from its defaults: each row is one table of a lesson."""

UNLABELLED = tuple(a() for a in adapters.ADAPTERS if a.sides == ("source", "target") and a.second_view is None)
"""All strategies that look at both domains and at no target label; features have no second view to compare."""
PHOTOGRAPHS = [
    (f"patches/photo@imagenet_net -> patches/{style}@imagenet_net", UNLABELLED, {})
    for style in ("painted", "pencil", "night")
]
"""On cached features of the ImageNet network. `edges` is a development pair."""


def opened(name: str) -> DomainPair:
    """The pair of this name; `set@imagenet_net` are features of the ImageNet network."""
    if "@" not in name:
        return cu.pair(name)
    source, target = (cu.extract(cu.nets.imagenet_net(), cu.domain(side.split("@")[0])) for side in name.split(" -> "))
    return cu.pair((source, target))


def remove_stale() -> int:
    """Records of other code, data or settings would only fail the test that looks for them."""
    stale = [path for path in compare.RECORDS.glob("*--*/*.json") if not compare.is_true(compare.load_record(path))]
    for path in stale:
        path.unlink()
    return len(stale)


def confirm(jobs: int) -> int:
    """Fits the first seed of whatever is stale; returns how many records are true again."""
    kept = 0
    for name, strategies, settings in TABLES + PHOTOGRAPHS:
        every = [cu.SourceOnly(), cu.AdaBN(), *strategies, cu.TargetOnly()]
        files = {a: [compare.record_path(name, a, seed, settings) for seed in SEEDS] for a in every}
        old = {a: [compare.load_record(path) for path in paths if path.exists()] for a, paths in files.items()}
        stale = [a for a, records in old.items() if records and not all(map(compare.is_true, records))]
        with tempfile.TemporaryDirectory() as folder:
            fresh = compare.computed([(a, old[a][0].seed) for a in stale], opened(name), settings, jobs, Path(folder))
        for adapter, record in zip(stale, fresh, strict=True):
            if record == dataclasses.replace(old[adapter][0], code=record.code, data=record.data):
                for other in old[adapter]:
                    compare.write_record(
                        dataclasses.replace(other, code=record.code, data=record.data), compare.RECORDS
                    )
                    kept += 1
            else:
                print(f"{name}: {record.method} gives other numbers now", flush=True)
    return kept


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--confirm", action="store_true")
    options.add_argument("--only", help="make the tables of pairs whose name holds this")
    given = options.parse_args()
    if given.confirm:
        print(f"{confirm(given.jobs)} records hold as they were", flush=True)
    print(f"removed {remove_stale()} stale records", flush=True)
    for name, strategies, settings in TABLES + PHOTOGRAPHS:
        if given.only and given.only not in name:
            continue
        table = cu.runs(strategies, opened(name), SEEDS, settings=settings, jobs=given.jobs, folder=compare.RECORDS)
        with pd.option_context("display.width", 160, "display.precision", 3):
            print(f"\n{name} {settings or ''}\n{table.summary()}", flush=True)


if __name__ == "__main__":
    main()
