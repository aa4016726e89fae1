"""The only training loop in the project. It knows views, terms and players, and no strategy by name."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.asked import opened, refuse_mistaken, refuse_terms, refuse_unlearnable
from course_utils.data.augment import Augment, Augmentation
from course_utils.data.batches import Batches, View, generator
from course_utils.data.domain import Part
from course_utils.data.pair import DomainPair
from course_utils.errors import refuse_misspelt
from course_utils.evaluation import distances
from course_utils.evaluation.validators import (
    CalibratedInformationMaximisation,
    Entropy,
    InformationMaximisation,
    Scored,
    SourceRisk,
    Validator,
)
from course_utils.inference import ready
from course_utils.nets import Net, Output, batchnorm_policy
from course_utils.progress import progress_bar
from course_utils.run import Run, Settings, began_with
from course_utils.tasks import Labels, Task
from course_utils.tasks.base import check

LIGHT = Augment(rotation=10, scale=0.1, translation=0.07)
VALIDATORS = (SourceRisk(), Entropy(), InformationMaximisation(), CalibratedInformationMaximisation())


class NotFiniteError(ArithmeticError):
    """Raised when a named loss term is NaN or infinite."""


@refuse_misspelt
def fit(
    adapter: Adapter,
    pair: DomainPair,
    *,
    net: Net | None = None,
    epochs: int = 15,
    seed: int = 0,
    batch_size: int = 64,
    learning_rate: float = 1e-2,
    weight_decay: float = 1e-2,
    batchnorm: str = "separate",
    augment: Augmentation | None = LIGHT,
    validator: Validator | None = None,
    patience: int | None = None,
    task: Task | None = None,
    mixed_precision: bool | None = None,
    snapshots: bool = True,
    checkpoint: str | Path | None = None,
    device: str | None = None,
) -> Run:
    """Trains a net on a pair by one strategy.

    net: copied, so that the same one can begin several runs; by default a small net for the images' shape.
    epochs: passes over the larger domain, also where a strategy sees less of it; each step takes `batch_size` images
        of each side that the adapter sees.
    learning_rate: the peak of AdamW's one-cycle schedule.
    task: what is learned; by default one class an image, or Boxes(), Masks(), or several as Tasks((...)).
    batchnorm: joint, separate, source or frozen (nets.BATCHNORM_POLICIES).
    validator: scores every epoch without a target label; the best epoch's weights are kept.
    patience: stop after this many epochs without a better score; None trains to the end.
    mixed_precision: the nets' forward passes in bfloat16; by default where the processor computes in it.
    snapshots: evaluate after every epoch; without, only after the last.
    checkpoint: a file that is written after every epoch and continued from when it exists.

    Ctrl-C returns the Run so far; `resume(run)` goes on from its last whole epoch, bit for bit.
    Raises NotFiniteError naming the term, TypeError for an argument of another kind and for terms that are no scalars
    by name, ValueError for a number out of range, a batch larger than a set, an unknown policy, a head of other classes
    than the pair's, a strategy that learns from a few target labels where none are open, or one that cannot learn this
    task; MissingTargetError for targets that a domain, or a head that a net, does not have.
    """
    refuse_mistaken(adapter=adapter, pair=pair, net=net, augment=augment, validator=validator, task=task)
    if adapter.unseals:
        pair = pair.unseal(adapter.unseals)
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batchnorm=batchnorm,
        augment=augment if pair.source.domain.images.ndim == 4 else None,
        validator=validator or InformationMaximisation(),
        patience=patience,
        mixed_precision=_has_bfloat16(device) if mixed_precision is None else mixed_precision,
        snapshots=snapshots,
        device=device or ("cuda" if torch.cuda.is_available() else "cpu"),
        task=task or Labels(),
    )
    batchnorm_policy(batchnorm)
    refuse_unlearnable(adapter, pair, net, settings.task)
    path = Path(checkpoint) if checkpoint else None
    state = path and opened(path, f"{adapter!r} {settings}")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = pair.source.domain.images.shape[1:]
        net = copy.deepcopy(net) if net is not None else settings.task.net(shape, pair.classes)
        check(settings.task, pair, net)
        adapter = copy.deepcopy(adapter)
        adapter.task, adapter.autocast = settings.task, settings.autocast
        adapter.build(net)
    net.to(settings.device, memory_format=torch.channels_last)
    adapter.to(settings.device)
    optimisers = {
        player: torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)
        for player, groups in adapter.players(net).items()
    }
    run = Run(adapter, pair, seed, settings, net, optimisers, began_with(pair, net), path)
    if state:
        run.restore(state)
    return resume(run)


def resume(run: Run) -> Run:
    """Trains from the run's last whole epoch to its end: the same weights as without the break."""
    settings = run.settings
    batches = {
        # A few labels are fewer than a batch: then a batch is all of them.
        side: Batches(
            part,
            min(settings.batch_size, len(part)) if part.split == "shots" else settings.batch_size,
            seed=2 * run.seed + (side == "target"),
        )
        for side, part in _parts(run).items()
    }
    bar = progress_bar(settings.epochs, f"{type(run.adapter).__name__} on {run.pair.name}")
    run.stopped, whole = _out_of_patience(run), run.state()
    try:
        with torch.random.fork_rng():
            while run.epoch < settings.epochs and not run.stopped:
                row = _epoch(run, batches)
                run.epoch += 1
                if settings.snapshots or run.epoch == settings.epochs:
                    row |= _evaluate(run)
                run.rows.append({"epoch": run.epoch} | row)
                _select(run)
                whole = run.state()
                if run.checkpoint:
                    _write(whole, run.checkpoint)
                bar.update(run.epoch, f"epoch {run.epoch} of {settings.epochs}")
    except KeyboardInterrupt:
        run.restore(whole)
        run.stopped = f"interrupted in epoch {run.epoch + 1}"
    bar.close(run.stopped or f"{run.epoch} epochs")
    run.net.eval()  # in training mode it would normalise by whatever images it is asked about
    return run


def _parts(run: Run) -> dict[str, Part]:
    """What either side of a batch is drawn from; the target's few labels stand in the target's place."""
    pair = run.pair
    parts = {"source": pair.source.train, "target": pair.target.train, "shots": pair.target.shots}
    return {"target" if side == "shots" else side: parts[side] for side in run.adapter.sides}


def _epoch(run: Run, batches: dict[str, Batches]) -> dict[str, float]:
    """One pass: the mean of every named term."""
    per_epoch = run.steps_per_epoch
    if type(run.adapter).refresh is not Adapter.refresh:
        run.adapter.refresh(*_whole_sets(run))
    run.net.train()
    run.adapter.train()
    total, sums = run.settings.epochs * per_epoch, {}
    for step in range(run.epoch * per_epoch, (run.epoch + 1) * per_epoch):
        progress = step / max(total - 1, 1)
        torch.manual_seed(generator(run.seed, step, 2).initial_seed())
        batch = _batch(run, batches, step)
        for terms, players in run.adapter.steps(batch, progress):
            if step == run.epoch * per_epoch:
                refuse_terms(terms, run.adapter, (*VALIDATORS, run.settings.validator))
            movers = [run.optimisers[player] for player in players]
            for optimiser in movers:
                optimiser.zero_grad(set_to_none=True)
            _objective(terms, run, step).backward()
            for optimiser in movers:
                for group in optimiser.param_groups:
                    group["lr"] = run.settings.learning_rate * group["rate"] * one_cycle(progress)
                optimiser.step()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + term.item()
    return {name: value / per_epoch for name, value in sums.items()}


def _batch(run: Run, batches: dict[str, Batches], step: int) -> Batch:
    views = {side: _view(run, batches[side], step, side == "target") for side in batches}
    policy = batchnorm_policy(run.settings.batchnorm)

    def forward(images: list[Tensor]) -> list[Output]:
        with run.settings.autocast():
            outputs = policy(run.net, images)
        # Strategies compute in float32: a covariance in bfloat16 costs up to 20 points.
        return [Output(output.features.float(), output.logits.float()) for output in outputs]

    return Batch(views.get("source"), views.get("target"), forward, run.settings.task.fill)


def _whole_sets(run: Run) -> tuple[View | None, View | None]:
    """Ids, features and logits of all that training may look at, and the labels that are open."""
    views = {}
    for side, part in _parts(run).items():
        labels = None if part.sealed else torch.from_numpy(part.labels)
        with run.normalised_for(side):
            views[side] = View(None, torch.from_numpy(part.ids), labels, *run.outputs(part))
    return views.get("source"), views.get("target")


def _view(run: Run, batches: Batches, step: int, is_target: bool) -> View:
    part, positions = batches.part, batches.positions(step)
    rows, device = part.indices[positions], run.settings.device
    images = torch.from_numpy(part.domain.images[rows]).to(device)

    def seen(augment: Augmentation | None, draw: int) -> Tensor:
        return ready(augment(images, generator(run.seed, step, draw, device)) if augment else images)

    labels = None if part.sealed else torch.from_numpy(part.domain.labels[rows]).to(device)
    view = View(seen(run.settings.augment, int(is_target)), torch.from_numpy(part.domain.ids[rows]), labels)
    if run.adapter.second_view is not None and images.ndim == 4:
        view.second = seen(run.adapter.second_view, 3 + int(is_target))
    if (names := [name for name in run.settings.task.targets if name != "label"]) and not part.sealed:
        view.truth = {name: torch.from_numpy(part.domain.targets[name][rows]).to(device) for name in names}
        if run.settings.augment:
            # Drawn again: an augmentation draws its maps before all else, and the same generator draws the same.
            maps = run.settings.augment.maps(images, generator(run.seed, step, int(is_target), device))
            view.truth = view.truth if maps is None else run.settings.task.moved(view.truth, maps, images.shape[2:])
    return view


def _objective(terms: Terms, run: Run, step: int) -> Float[Tensor, ""]:
    objective = sum(terms.values())
    if not math.isfinite(objective.item()):
        bad = [name for name, term in terms.items() if not math.isfinite(term.item())]
        raise NotFiniteError(
            f"The term {', '.join(map(repr, bad)) or 'sum'} of {type(run.adapter).__name__} is "
            f"{objective.item()} at step {step} (epoch {run.epoch + 1}, seed {run.seed}) on {run.pair.name!r}. "
            "Lower its weight or the learning rate, or look at the images of that batch."
        )
    return objective


def one_cycle(progress: float, warm_up: float = 0.3) -> float:
    """The learning rate's share of its peak: cosine up from 1/25 for the first 30 %, cosine down to 0. Smith 2018."""
    if progress < warm_up:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up))) / 2


# -- after an epoch --------------------------------------------------------------------------------------------------


def _evaluate(run: Run) -> dict[str, float]:
    """Keeps features and logits of the test parts; returns what may be seen in training: nothing of target labels."""
    pair = run.pair
    with run.normalised_for("source"):
        source, source_test = run.kept(pair.source.validation), run.kept(pair.source.test)
    with run.normalised_for("target"):
        target, target_test = run.kept(pair.target.validation), run.kept(pair.target.test)
    run.evaluations.append(
        {
            f"{side}_{kind}": tensor.numpy()
            for side, kept in (("source", source_test), ("target", target_test))
            for kind, tensor in kept.items()
        }
    )
    task = run.settings.task
    truth = {name: torch.from_numpy(pair.source.validation.target(name)) for name in task.targets}
    scores = task.scores(source, truth, pair.classes)
    # A row is an image, or a place in one.
    rows = source["logits"].flatten(0, -2), target["logits"].flatten(0, -2)
    seen = Scored(source["features"], rows[0], task.rows(source, truth).flatten())
    unlabelled = Scored(target["features"], rows[1], None)
    return (
        {f"source_{name}": score for name, score in scores.items()}
        | {type(v).__name__: v.score(seen, unlabelled) for v in (*VALIDATORS, run.settings.validator)}
        | {"probe_mmd": distances.mmd_distance(source["features"], target["features"])}
        | {"probe_coral": distances.coral_distance(source["features"], target["features"])}
    )


def _select(run: Run) -> None:
    """Keeps the best epoch's weights, and stops when the validator has had patience enough."""
    if not run.scores:
        return
    if run.selected_epoch == len(run.scores):
        run.selected_weights = copy.deepcopy(run.net.state_dict())
    run.stopped = _out_of_patience(run)


def _out_of_patience(run: Run) -> str | None:
    """Why a run has ended before its last epoch, which a checkpoint need not hold."""
    if run.settings.patience is None or not run.scores:
        return None
    waited = len(run.scores) - run.selected_epoch
    if waited < run.settings.patience:
        return None
    return f"no better {type(run.settings.validator).__name__} for {waited} epochs"


def _write(state: dict, path: Path) -> None:
    # Whole or not at all: a kill while writing leaves the last checkpoint as it was.
    partial = path.with_suffix(path.suffix + ".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def _has_bfloat16(device: str | None) -> bool:
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported()
