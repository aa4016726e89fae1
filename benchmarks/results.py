"""Makes every run record that a lesson reads, into results/. Records that are still true are kept.

python3 course.py bench results [--jobs 2] [--only patches] [--confirm REVISION]

--confirm: after code was moved about and should compute the same. The first seed of each strategy whose records are
stale is fitted twice, here and now, by the code of that git revision and by the present code. Where both give every
number alike, digit for digit, the records of all its seeds are kept: another processor may have made them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
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
FILTERED = (*MOMENTS, cu.DANN(), cu.CDAN(), cu.WDGRL(), cu.MCC(), cu.BNM(), cu.SHOT())
TABLES = [
    ("mnist-5k -> mnist-m-5k", EVERY, {}),
    ("mnist-5k -> optdigits", (*MOMENTS, cu.DANN(), cu.CDAN(), cu.MCC(), *SOURCE_FREE, *FURTHER_MOMENTS), {}),
    ("optdigits -> mnist-5k", EVERY, {}),
    ("mnist-5k -> mnist-m-5k", MOMENTS, {"batchnorm": "joint"}),
    ("mnist-5k -> mnist-m-5k", (*MOMENTS, cu.DANN()), {"augment": None}),
    ("mnist-5k -> mnist-m-5k", FILTERED, {"augment": training.LIGHT + cu.RandomConvolution()}),
]
"""Pair, strategies, and the settings of `fit` that differ from its defaults: each row is one table of a lesson."""

PUBLISHED = (cu.DANN(), cu.CDANE(), cu.MCC(), cu.SHOT(), cu.FixMatch())
WHOLE_SETS = [
    ("mnist -> usps", PUBLISHED, {"epochs": 2, "snapshots": False}),
    ("usps -> mnist", PUBLISHED, {"epochs": 2, "snapshots": False}),
]
"""The published sets as they are. An epoch passes over all of MNIST: two hold more steps than fifteen of mnist-5k."""

UNLABELLED = tuple(a() for a in adapters.ADAPTERS if a.sides == ("source", "target") and a.second_view is None)
"""All strategies that look at both domains and at no target label; features have no second view to compare."""
PHOTOGRAPHS = [
    (f"{folder}/photo@imagenet_net -> {folder}/{style}@imagenet_net", UNLABELLED, {})
    for folder, styles in (("patches", ("painted", "pencil", "night")), ("pacs", ("art_painting", "cartoon", "sketch")))
    for style in styles
]
"""On cached features of the ImageNet network. `edges` is a development pair."""

GENTLE = [(name, UNLABELLED, {"learning_rate": 1e-3}) for name, _, _ in PHOTOGRAPHS if name.startswith("pacs")]
"""PACS once more at the rate that AdamW has by default: a tenth of the course's."""
EVERY_TABLE = TABLES + WHOLE_SETS + PHOTOGRAPHS + GENTLE


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


def stale_strategies() -> list[tuple[int, int]]:
    """Table and strategy, by their places in `EVERY_TABLE`, of which any record is stale."""
    return [
        (table, place)
        for table, (name, _, settings) in enumerate(EVERY_TABLE)
        for place, adapter in enumerate(strategies_of(table))
        if any(
            path.exists() and not compare.is_true(compare.load_record(path)) for path in kept(name, adapter, settings)
        )
    ]


def strategies_of(table: int) -> list[cu.Adapter]:
    return [cu.SourceOnly(), cu.AdaBN(), *EVERY_TABLE[table][1], cu.TargetOnly()]


def kept(name: str, adapter: cu.Adapter, settings: dict[str, object]) -> list[Path]:
    return [compare.record_path(name, adapter, seed, settings) for seed in SEEDS]


def first_seeds(wanted: list[tuple[int, int]], jobs: int, folder: Path) -> None:
    """Fits seed 0 of each, by whatever course_utils this process has imported, into `folder`."""
    for table in dict.fromkeys(table for table, _ in wanted):
        name, _, settings = EVERY_TABLE[table]
        asked = [(strategies_of(table)[place], SEEDS[0]) for t, place in wanted if t == table]
        compare.computed(asked, opened(name), settings, jobs, folder)


def confirm(revision: str, jobs: int) -> int:
    """Compares this code's numbers with the revision's; returns how many records are true again."""
    wanted, count = stale_strategies(), 0
    with tempfile.TemporaryDirectory() as scratch:
        before, now, tree = (Path(scratch) / part for part in ("before", "now", "tree"))
        git = ["git", "-C", str(compare.RECORDS.parent), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), revision], check=True)
        try:
            for folder, code in ((before, tree), (now, compare.RECORDS.parent)):
                command = [
                    sys.executable,
                    __file__,
                    "--jobs",
                    str(jobs),
                    "--first-seeds",
                    json.dumps(wanted),
                    str(folder),
                ]
                subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(code)})
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)
        for table, place in wanted:
            name, _, settings = EVERY_TABLE[table]
            adapter = strategies_of(table)[place]
            paths = kept(name, adapter, settings)
            old, new = (compare.load_record(folder / paths[0].relative_to(compare.RECORDS)) for folder in (before, now))
            stamp = {"code": new.code, "data": new.data}
            if new != dataclasses.replace(old, **stamp):
                print(f"{name}: {new.method} gives other numbers now", flush=True)
                continue
            for path in filter(Path.exists, paths):
                compare.write_record(dataclasses.replace(compare.load_record(path), **stamp), compare.RECORDS)
                count += 1
    return count


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--confirm", metavar="REVISION", help="keep what this git revision computes alike")
    options.add_argument("--first-seeds", nargs=2, help=argparse.SUPPRESS)
    options.add_argument("--only", help="make the tables of pairs whose name holds this")
    given = options.parse_args()
    if given.first_seeds:
        wanted, folder = given.first_seeds
        first_seeds([tuple(place) for place in json.loads(wanted)], given.jobs, Path(folder))
        return
    if given.confirm:
        print(f"{confirm(given.confirm, given.jobs)} records hold as they were", flush=True)
    print(f"removed {remove_stale()} stale records", flush=True)
    for name, strategies, settings in EVERY_TABLE:
        if given.only and given.only not in name:
            continue
        table = cu.runs(strategies, opened(name), SEEDS, settings=settings, jobs=given.jobs, folder=compare.RECORDS)
        with pd.option_context("display.width", 160, "display.precision", 3):
            print(f"\n{name} {settings or ''}\n{table.summary()}", flush=True)


if __name__ == "__main__":
    main()
