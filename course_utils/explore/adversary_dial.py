"""How hard the features fight the critic: lambda against both losses and the target accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from course_utils.errors import nearest
from course_utils.explore.base import Explorer
from course_utils.explore.dial import Dial, Panel, dial
from course_utils.run import Run

GUESSING = {"a critic that guesses": math.log(2)}


def adversary_dial(
    runs: Mapping[float | str, Run], domain_loss: str = "domain", title: str = "How hard the features fight the critic"
) -> Explorer:
    """A dial over runs that differ in lambda: its schedule, both losses, and the target accuracy, epoch by epoch.

    runs: by lambda, or by the name of a schedule, in the order of the dial; of an adapter with a `weight` and a
        `schedule`, as DANN has. One run each: how far two seeds of one lambda lie apart, this dial does not show.
    domain_loss: what the critic's term is called in the history.

    Raises ValueError, naming the run, for an adapter without a schedule or a history without the term.
    """
    if not runs:
        return Dial.refuse(title, "This dial was given no run. Pass runs={0.1: run, 1: run}, fitted before.")
    for name, run in runs.items():
        _refuse_unplayable(name, run, domain_loss)
    epochs = max(run.epoch for run in runs.values())
    weights = [_weights(run, epochs) for run in runs.values()]
    losses = [[_column(run, term, epochs) for term in ("task", domain_loss)] for run in runs.values()]
    accuracies = [_accuracies(run, epochs) for run in runs.values()]
    ends = np.array([[run.exam().loc["last", side] for run in runs.values()] for side in ("target", "source")])
    names, axis = tuple(f"{n:g}" if isinstance(n, float | int) else n for n in runs), list(range(1, epochs + 1))
    highest = 1.1 * max(float(np.nanmax(losses)), math.log(2))
    panels = [
        Panel("accuracy at the end", ("target", "source"), ends, "lambda", range(len(runs)), (0, 1), names),
        Panel("target accuracy", ("target",), np.array(accuracies)[:, None], "epoch", axis, (0, 1)),
        Panel("losses", ("task", "critic"), np.array(losses), "epoch", axis, (0, highest), guides=GUESSING),
        Panel("lambda", ("lambda",), np.array(weights)[:, None], "epoch", _steps(epochs), (0, _top(weights))),
    ]
    said = [
        f"Lambda {name}: target accuracy {target:.2f} and source accuracy {source:.2f} at the end, "
        f"task loss {last[0][run.epoch - 1]:.2f}, critic's loss {last[1][run.epoch - 1]:.2f}."
        for name, run, target, source, last in zip(names, runs.values(), *ends, losses, strict=True)
    ]
    return dial(title, "lambda", names, panels, said)


def _refuse_unplayable(name: float | str, run: Run, domain_loss: str) -> None:
    if not hasattr(run.adapter, "weight") or not hasattr(run.adapter, "schedule"):
        raise ValueError(f"The run {name!r} is of {type(run.adapter).__name__}, which has no weight and schedule.")
    if not run.rows or domain_loss not in run.rows[-1]:
        known = list(run.rows[-1]) if run.rows else []
        raise ValueError(f"The history of the run {name!r} has no term {domain_loss!r}.{nearest(domain_loss, known)}")


def _steps(epochs: int) -> list[float]:
    # finer than epochs, since most of Ganin's schedule happens in the first few
    return np.linspace(0, epochs, 10 * epochs + 1).tolist()


def _weights(run: Run, epochs: int) -> Float[np.ndarray, " s"]:
    """Lambda over the progress of a run, and nothing after a run that was planned shorter."""
    progress = np.array(_steps(epochs)) / run.settings.epochs
    return np.array([run.adapter.weight * run.adapter.schedule(p) if p <= 1 else np.nan for p in progress])


def _column(run: Run, term: str, epochs: int) -> Float[np.ndarray, " e"]:
    values = [row[term] for row in run.rows]
    return np.array(values + [np.nan] * (epochs - len(values)))


def _accuracies(run: Run, epochs: int) -> Float[np.ndarray, " e"]:
    values = run.target_accuracies()  # one an epoch, or that of the last epoch alone
    return np.array([np.nan] * (run.epoch - len(values)) + values + [np.nan] * (epochs - run.epoch))


def _top(weights: list[np.ndarray]) -> float:
    return 1.1 * float(np.nanmax(weights)) or 1.0
