"""Makes what lesson 13 reads: results/every_pixel/, the table and the source-only nets. What is still true is kept.

python3 course.py bench every_pixel
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

from course_utils import every_pixel
from course_utils.data.arrays import replace
from course_utils.every_pixel import FOLDER, SEEDS

FILE = FOLDER / "table.json"


def kept() -> dict:
    """The stored table where the present code and scenes would make it, else an empty one."""
    made_with = every_pixel.made_with()
    stored = every_pixel.stored() if FILE.exists() else {}
    same = {name: stored.get(name) for name in made_with} == made_with
    return stored if same else made_with | {"rows of seeds": {}}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = kept()
    for seed in SEEDS:
        for name in every_pixel.names():
            of = found["rows of seeds"].setdefault(name, [])
            if len(of) > seed:
                continue
            started = time.process_time()
            of.append(every_pixel.measure(name, seed))
            if name == "SourceOnly":  # the net is that of the row: whoever makes one anew makes both
                every_pixel.trained(every_pixel.ways()[name], seed).save(every_pixel.net_file(seed))
            replace(FILE, found)
            print(f"{name}, seed {seed}: {of[-1]}, {time.process_time() - started:.0f} s of a processor", flush=True)
    with pd.option_context("display.width", 160, "display.precision", 3):
        print(every_pixel.table())


if __name__ == "__main__":
    main()
