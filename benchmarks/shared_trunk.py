"""Makes what lesson 06 reads of tasks over one trunk: results/shared_trunk.json. Numbers that are still true are kept.

python3 course.py bench shared_trunk [--jobs 1]
"""

from __future__ import annotations

import argparse
import time

import pandas as pd
from joblib import Parallel, delayed

from course_utils import shared_trunk
from course_utils.data.arrays import replace
from course_utils.shared_trunk import FILE, SEEDS, SHOTS, STARTS


def kept() -> dict:
    """The stored file where the present code and scenes would make it, else an empty one."""
    made_with = shared_trunk.made_with()
    stored = shared_trunk.stored() if FILE.exists() else {}
    same = {name: stored.get(name) for name in made_with} == made_with
    return stored if same else made_with | {"tasks": {}, "boxes": {start: {} for start in STARTS}}


def told(name: str, measure: object, *arguments: object) -> object:
    started = time.process_time()
    found = measure(*arguments)
    print(f"{name}: {found}, {time.process_time() - started:.0f} s of a processor", flush=True)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=1)
    jobs = options.parse_args().jobs
    found = kept()
    for row in [row for row in shared_trunk.rows() if row not in found["tasks"]]:
        scores = Parallel(jobs)(delayed(told)(f"{row}, seed {s}", shared_trunk.measure, row, s) for s in SEEDS)
        found["tasks"][row] = {name: [of[name] for of in scores] for name in scores[0]}
        replace(FILE, found)
    for start, k in [(start, k) for start in STARTS for k in SHOTS if str(k) not in found["boxes"][start]]:
        name = f"boxes from a {start} trunk, {k} scenes a class"
        fits = (delayed(told)(f"{name}, seed {s}", shared_trunk.measure_boxes, start, k, s) for s in SEEDS)
        found["boxes"][start][str(k)] = Parallel(jobs)(fits)
        replace(FILE, found)
    with pd.option_context("display.width", 160, "display.precision", 3):
        print(shared_trunk.task_table(), shared_trunk.task_table(spread=True), sep="\n\n")
        print(shared_trunk.box_curve().groupby(["learner", "shots"])["accuracy"].agg(["mean", "min", "max"]))


if __name__ == "__main__":
    main()
