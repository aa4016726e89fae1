"""What a step of every strategy costs, as a multiple of a step of source-only, into results/costs.json.

python3 course.py bench costs [--rounds 3] [--all]

The processor's seconds of two epochs more (three epochs less one, so that set-up and the last evaluation cancel), on
`mnist-5k -> mnist-m-5k` with five target labels a class for the strategies that read some. All strategies take turns,
round after round; a cost is the median over rounds of the ratio to source-only in the same round. Without --all only
strategies that have no cost yet take part.
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
    rounds, known = given.rounds, {} if given.all or not FILE.exists() else json.loads(FILE.read_text("utf-8"))["costs"]
    pair = cu.pair(PAIR, shots=5)
    strategies = [a for a in adapters.ADAPTERS if a.unseals is None and a.__name__ not in known]
    ratios: dict[str, list[float]] = {a.__name__: [] for a in strategies}
    for _ in range(rounds):
        plain = seconds(cu.SourceOnly, pair)
        for strategy in strategies:
            ratios[strategy.__name__].append(seconds(strategy, pair) / plain)
    costs = {name: round(statistics.median(found), 2) for name, found in ratios.items()}
    order = [a.__name__ for a in adapters.ADAPTERS if a.unseals is None]
    every = {name: (known | costs)[name] for name in order}
    FILE.write_text(json.dumps({"pair": PAIR, "rounds": rounds, "costs": every}, indent=1) + "\n", encoding="utf-8")
    for name, cost in sorted(costs.items(), key=lambda item: item[1]):
        print(f"{name:<20} {cost:5.2f}   {min(ratios[name]):.2f} to {max(ratios[name]):.2f}")


if __name__ == "__main__":
    main()
