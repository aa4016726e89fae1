"""What all strategies give on a pair, and what to take from pair to pair, read from the records of the course."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from course_utils import compare  # noqa: E402

VALIDATORS = {"CalibratedInformationMaximisation": "calibrated", "InformationMaximisation": "plain"}
"""Information maximisation as the tables score by it, and as `fit` chooses an epoch by it; how `answers` calls them."""
FEW = ("SourceOnly", "AdaBN", "DAN", "DeepCORAL", "DANN", "TargetOnly")
CLOSE = 0.03
"""What `answers` counts as near the best: three points of accuracy, about the spread of three seeds."""


def few(pair: str) -> str:
    """Target accuracy of some strategies: mean over the recorded seeds, lowest and highest."""
    table = compare.recorded(pair)
    if missing := [m for m in FEW if m not in {record.method for record in table.records}]:
        raise compare.MissingRecordsError(
            f"results/ has no three seeds of {', '.join(missing)} on {table.pair}: "
            "`python3 course.py bench results` makes them."
        )
    rows = [(m, f"{r['target']:.3f}", _spread(r)) for m, r in table.summary().loc[list(FEW)].iterrows()]
    return _markdown((table.pair, "target accuracy", "lowest to highest seed"), rows)


def every(place: str) -> str:
    """All strategies with records of three seeds on a pair, best first, with the validator's score of them, unseen.

    place: `pair` for fits at the defaults, `pair:word` for those of which a setting names that word.
    """
    table = _recorded(place)
    scores = _scores(table, next(iter(VALIDATORS)))
    chosen = max(scores, key=scores.get)
    names = {"TargetOnly": "oracle (TargetOnly)", chosen: f"{chosen}, chosen by the validator"}
    rows = [
        (names.get(m, m), f"{r['target']:.3f}", _spread(r), f"{scores[m]:.2f}" if m in scores else "-")
        for m, r in table.summary().sort_values("target", ascending=False).iterrows()
    ]
    return _markdown((table.pair, "target accuracy", "lowest to highest seed", "validator"), rows)


def answers(places: Sequence[str]) -> str:
    """One row for each of `every`'s tables: doing nothing, what validators choose, the best, and who does harm."""
    rows, behind, harmed = [], {of: [] for of in VALIDATORS}, dict.fromkeys(VALIDATORS, 0)
    for place in places:
        table = _recorded(place)
        target = table.per_seed().mean(axis=1)
        oracle, plain, tried = target["TargetOnly"], target["SourceOnly"], target.drop("TargetOnly")
        choices = []
        for validator in VALIDATORS:
            scores = _scores(table, validator)
            chosen = max(scores, key=scores.get)
            choices.append(f"{chosen} {tried[chosen]:.3f}")
            behind[validator].append(tried.max() - tried[chosen])
            harmed[validator] += tried[chosen] < plain
        best = f"{tried.idxmax()} {tried.max():.3f}"
        below = f"{(tried < plain).sum()} of {len(tried) - 1}"
        rows.append(
            (_label(place, table.pair), f"{plain:.3f}", f"{tried['AdaBN']:.3f}", *choices, best, f"{oracle:.3f}", below)
        )
    chosen_by = (f"chosen by {told} IM" for told in VALIDATORS.values())
    header = ("pair", "source-only", "AdaBN", *chosen_by, "best", "oracle", "below source-only")
    said = [
        f"Of these {len(rows)} tables, the choice of {told} information maximisation is the best in "
        f"{sum(b == 0 for b in behind[of])} and at most {100 * CLOSE:.0f} points behind it in "
        f"{sum(0 < b <= CLOSE for b in behind[of])}; at the farthest it is {100 * max(behind[of]):.0f} points behind. "
        f"It reads less than source-only in {harmed[of] or 'none'}."
        for of, told in VALIDATORS.items()
    ]
    return "\n\n".join((_markdown(header, rows), *said))


def _recorded(place: str) -> compare.Table:
    pair, _, word = place.partition(":")
    return compare.recorded(pair, word)


def _scores(table: compare.Table, validator: str) -> dict[str, float]:
    """None for the oracle: the temperature is fitted on source images, which it never learned."""
    found: dict[str, list[float]] = {}
    for record in table.records:
        found.setdefault(record.method, []).append(record.history[validator][-1])
    return {method: sum(seeds) / len(seeds) for method, seeds in found.items() if method != "TargetOnly"}


def _label(place: str, pair: str) -> str:
    """`set/a -> set/b @net, word`, for `set/a@net -> set/b@net` and a place that ends in `:word`."""
    word = place.partition(":")[2]
    sides = [side.partition("@") for side in pair.split(" -> ")]
    net = f" @{sides[0][2]}" if sides[0][2] else ""
    return " -> ".join(name for name, _, _ in sides) + net + (f", {word}" if word else "")


def _spread(row: dict[str, float]) -> str:
    return f"{row['lowest']:.3f} to {row['highest']:.3f}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))
