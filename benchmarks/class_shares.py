"""Makes what lesson 08 says of sketches, into results/class_shares.json: fits with the photographs' shares changed.

    COURSE_ORIGINALS=... python3 course.py bench class_shares

What is still true is kept.
"""

from __future__ import annotations

import argparse
import time

from benchmarks import results
from course_utils import class_shares
from course_utils.class_shares import FILE, SEEDS, STRATEGIES
from course_utils.data.arrays import replace


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    on, made_with = results.opened(class_shares.PAIR), class_shares.made_with()
    held = class_shares.stored() if FILE.exists() else {}
    if {name: held.get(name) for name in made_with} != made_with:
        domain = on.target.domain
        held = made_with | {
            "classes": list(on.classes),
            "shares": {
                side: list(class_shares.shares(of.labels[of.splits["test"]], len(on.classes)).round(4))
                for side, of in (("photo", on.source.domain), ("sketch", domain))
            },
            "fits": {},
        }
    for mix, pair in class_shares.mixes(on).items():
        for adapter in STRATEGIES:
            seeds = held["fits"].setdefault(mix, {}).setdefault(type(adapter).__name__, [])
            for seed in SEEDS[len(seeds) :]:
                started = time.process_time()
                seeds.append(class_shares.measure(adapter, pair, seed))
                replace(FILE, held)
                took = f"{time.process_time() - started:.0f} s of a processor"
                print(f"{mix}, {type(adapter).__name__}, seed {seed}: {seeds[-1]['accuracy']}, {took}", flush=True)
    print(class_shares.table().groupby(level=0, sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
