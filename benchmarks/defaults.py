"""How the default settings were found: on the development pairs, by a validator, without a target label.

    python3 course.py bench defaults [--only rates settings features views critics] [--jobs 2]

rates: one learning rate for all strategies. settings: the first strategies' own, at the best of these rates. The
others: settings of further strategies at the rate of `fit`, on the development pair of cached features (features), on
one of digits where a second view of an image is needed (views), on both pairs of digits (critics). All of them where
none is named. The mean of the validator's score at the last step over development pairs and seeds decides; `behind` is
the mean difference from the best trial of the method, `error` that difference's standard error, and a trial that is
behind by less is tied. The target accuracy stands beside it for the reader; nothing reads it.
"""

from __future__ import annotations

import argparse

import pandas as pd
from joblib import Parallel, delayed

import course_utils as cu
from benchmarks.results import opened
from course_utils.adapters.base import Adapter
from course_utils.data.catalog import PAIRS

# The first defaults are those of the small nets; the patches need a pretrained one.
DIGITS = [name for name, row in PAIRS.items() if row.development and row.size == 28]
EDGES = ["patches/photo@imagenet_net -> patches/edges@imagenet_net"]
DECIDES = "CalibratedInformationMaximisation"
SEARCHES = ("rates", "settings", "features", "views", "critics")
RATES = [(adapter, rate) for adapter in (cu.DAN(), cu.DeepCORAL(), cu.DANN()) for rate in (2e-3, 5e-3, 1e-2, 2e-2)]
CANDIDATES = [
    *(cu.DAN(weight=w) for w in (1.0, 3.0, 10.0)),
    *(cu.DeepCORAL(weight=w) for w in (1.0, 10.0, 30.0)),
    *(cu.DANN(critic_width=w, critic_rate=r) for w in (256, 512, 1024) for r in (1.0, 3.0)),
]
ON_FEATURES = [
    *(cu.EntropyMinimisation(weight=w) for w in (0.03, 0.1, 0.3, 1.0)),
    *(cu.PseudoLabels(threshold=t) for t in (0.8, 0.9, 0.95)),
    *(cu.SlicedWasserstein(weight=w) for w in (3.0, 10.0, 30.0)),
    *(cu.WDGRL(weight=w) for w in (0.1, 0.3, 1.0)),
    *(cu.MCD(moves=n) for n in (1, 2, 4)),
    *(cu.ADDA(encoder_rate=r) for r in (0.01, 0.03, 0.1)),
    *(cu.CDAN(critic_rate=r, map_width=w) for r in (1.0, 3.0) for w in (1024, 4096)),
    *(cu.MDD(weight=w) for w in (0.03, 0.1, 0.3)),
    *(cu.JAN(weight=w) for w in (3.0, 10.0, 30.0)),
    *(cu.HAFN(weight=w) for w in (0.01, 0.05, 0.2)),
    *(cu.SAFN(weight=w) for w in (0.01, 0.05, 0.2)),
    *(cu.MCC(temperature=t) for t in (1.0, 2.5, 4.0)),
    *(cu.BNM(weight=w) for w in (0.3, 1.0, 3.0)),
]
OF_VIEWS = [
    *(cu.PseudoLabels(threshold=t) for t in (0.8, 0.9, 0.95)),
    *(cu.FixMatch(threshold=t) for t in (0.8, 0.9, 0.95)),
    *(cu.MeanTeacher(weight=w) for w in (3.0, 10.0, 30.0)),
]
OF_CRITICS = [
    strategy(**settings)
    for strategy in (cu.CDAN, cu.CDANE)
    for settings in ({}, {"weight": 0.3}, {"weight": 3.0}, {"critic_rate": 3.0}, {"critic_width": 256})
]


def score(adapter: Adapter, rate: float, pair: str, seed: int) -> dict[str, object]:
    run = cu.fit(adapter, opened(pair), seed=seed, learning_rate=rate)
    return {
        "method": type(adapter).__name__,
        "settings": repr(adapter).split(", schedule")[0],
        "rate": rate,
        "pair": pair,
        "seed": seed,
        "score": run.history[DECIDES].iloc[-1],
        "(target)": run.exam().loc["last", "target"],
    }


def search(trials: list[tuple[Adapter, float]], pairs: list[str], by: str, seeds: list[int], jobs: int) -> pd.DataFrame:
    """One row a trial, named by the method and its `by`, with the columns of the module's docstring; prints them."""
    fits = [(*trial, pair, seed) for trial in trials for pair in pairs for seed in seeds]
    rows = pd.DataFrame(Parallel(n_jobs=jobs, verbose=1)(delayed(score)(*fit) for fit in fits))
    table = rows.groupby(["method", by], sort=False)[["score", "(target)"]].mean()
    # Paired: the same data and the same seed under every setting of a method.
    apart = rows.pivot_table("score", ["method", by], ["pair", "seed"], sort=False)
    apart = apart.groupby("method", group_keys=False, sort=False).apply(lambda m: m.loc[m.mean(axis=1).idxmax()] - m)
    table["behind"], table["error"] = apart.mean(axis=1), apart.sem(axis=1)
    with pd.option_context("display.width", 200, "display.max_rows", 99, "display.max_columns", 9):
        print(table.round(3), flush=True)
    return table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", choices=SEARCHES, default=SEARCHES)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = options.parse_args()
    rate = 1e-2
    if "rates" in given.only:
        rate = search(RATES, DIGITS, "rate", given.seeds, given.jobs)["score"].groupby("rate").mean().idxmax()
        print(f"\nlearning rate: {rate}\n")
    for name, candidates, pairs in (
        ("settings", CANDIDATES, DIGITS),
        ("features", ON_FEATURES, EDGES),
        ("views", OF_VIEWS, DIGITS[-1:]),
        ("critics", OF_CRITICS, DIGITS),
    ):
        if name in given.only:
            found = search([(c, rate) for c in candidates], pairs, "settings", given.seeds, given.jobs)["score"]
            print("\nbest:", *(best for _, best in found.groupby("method", sort=False).idxmax()), sep="\n  ")


if __name__ == "__main__":
    main()
