"""What a step of every strategy costs, as a multiple of a step of source-only, into results/costs.json.

python3 course.py bench costs [--rounds 3] [--all]

The processor's seconds of two epochs more (three epochs less one, so that set-up and the last evaluation cancel), on
`mnist-5k -> mnist-m-5k` with five target labels a class for the strategies that read some. Strategies take turns, round
after round, and source-only runs between any two: a ratio is to the mean of its two neighbours, a cost the median over
rounds. The file is written after every round. Without --all only strategies that have no cost yet take part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import course_utils as cu
from course_utils import adapters, compare
from course_utils.adapters import Adapter
from course_utils.data.pair import DomainPair

PAIR = "mnist-5k -> mnist-m-5k"
FILE = compare.RECORDS / "costs.json"


def seconds(strategy: type[Adapter], pair: DomainPair) -> float:
    """Of the processor, for two epochs."""
    took = {}
    for epochs in (1, 3):
        started = time.process_time()
        cu.fit(strategy(), pair, epochs=epochs, snapshots=False)
        took[epochs] = time.process_time() - started
    return took[3] - took[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--all", action="store_true", help="measure again what has a cost already")
    given = options.parse_args()
    known = {} if given.all or not FILE.exists() else json.loads(FILE.read_text("utf-8"))["costs"]
    pair = cu.pair(PAIR, shots=5)
    order = [a for a in adapters.ADAPTERS if a.unseals is None]
    ratios: dict[str, list[float]] = {a.__name__: [] for a in order if a.__name__ not in known}
    # The first fits of a process load and compile what later ones find ready.
    seconds(cu.SourceOnly, pair)
    for turn in range(1, given.rounds + 1):
        before = seconds(cu.SourceOnly, pair)
        for strategy in (a for a in order if a.__name__ in ratios):
            took, after = seconds(strategy, pair), seconds(cu.SourceOnly, pair)
            ratios[strategy.__name__].append(2 * took / (before + after))
            print(f"round {turn}  {strategy.__name__:<20} {ratios[strategy.__name__][-1]:5.2f}", flush=True)
            before = after
        costs = known | {name: round(statistics.median(found), 2) for name, found in ratios.items()}
        every = {a.__name__: costs[a.__name__] for a in order}
        FILE.write_text(json.dumps({"pair": PAIR, "costs": every}, indent=1) + "\n", encoding="utf-8")
    for name, found in sorted(ratios.items(), key=lambda item: costs[item[0]]):
        print(f"{name:<20} {costs[name]:5.2f}   {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    main()
