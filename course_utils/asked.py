"""What `fit` is asked for, and what it refuses, by name, before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from course_utils.adapters.base import Adapter
from course_utils.data.augment import Augmentation
from course_utils.data.pair import DomainPair
from course_utils.evaluation.validators import Validator
from course_utils.nets import Net
from course_utils.tasks import Task

OWN_COLUMNS = ("source_", "probe_")
"""How columns of a history begin that the loop writes itself, beside the epoch and the validators."""
KINDS = {
    "adapter": (Adapter, "cu.DAN()"),
    "pair": (DomainPair, 'cu.pair("mnist-5k -> mnist-m-5k")'),
    "net": (Net, "cu.nets.small_cnn(3, pair.classes)"),
    "augment": (Augmentation, "cu.Augment(rotation=10)"),
    "validator": (Validator, "cu.evaluation.validators.Entropy()"),
    "task": (Task, "cu.Masks()"),
}
"""What an argument of `fit` must be, and how one is made."""


def refuse_mistaken(**given: object) -> None:
    """Raises TypeError for an argument of another kind: a class in the place of an object, a name, a swapped pair."""
    for name, value in given.items():
        kind, example = KINDS[name]
        optional = name not in ("adapter", "pair")
        if isinstance(value, type) or not (isinstance(value, kind) or (optional and value is None)):
            raise TypeError(f"{name}={value!r} is no {kind.__name__}: give one, such as {example}.")


def refuse_unlearnable(adapter: Adapter, pair: DomainPair, net: Net | None, task: Task) -> None:
    """Raises ValueError for a strategy, a task and a net that do not fit each other or the pair."""
    if task.targets != ("label",) and not adapter.learns_places:
        raise ValueError(
            f"{type(adapter).__name__} compares whole images, one class each, and {task!r} asks about places in them. "
            "A penalty or a reversed gradient sees places as rows; docs/methods.md says which strategies were made for "
            "them."
        )
    if "shots" in adapter.sides and pair.target.shots is None:
        raise ValueError(
            f"{type(adapter).__name__} learns from a few target labels, and this pair has none open: "
            "cu.pair(..., shots=5) opens five a class."
        )
    if net is not None and net.classes != pair.classes:
        here, there = len(net.classes), len(pair.classes)
        differing = [(a, b) for a, b in zip(net.classes, pair.classes, strict=False) if a != b]
        raise ValueError(
            f"The net's head tells {here} classes apart and {pair.name!r} has {there}"
            + (f" others, {differing[0][1]!r} where it says {differing[0][0]!r}" if here == there else "")
            + ": net.with_head(pair.classes) gives it a fresh one."
        )


def refuse_terms(terms: object, adapter: Adapter, validators: Sequence[Validator]) -> None:
    """Raises TypeError for anything but scalar tensors by name, ValueError for a name that the loop has taken."""
    name, taken = type(adapter).__name__, ("epoch", *dict.fromkeys(type(v).__name__ for v in validators))
    if not isinstance(terms, dict) or not terms:
        raise TypeError(f"{name}'s loss gave {terms!r}: give its terms by name, {{'task': ..., 'distance': ...}}.")
    for term, value in terms.items():
        if not isinstance(value, Tensor) or value.ndim:
            shape = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{value!r}"
            raise TypeError(f"{name}'s term {term!r} is {shape}: a term is a tensor of one number, without dimensions.")
        if term in taken or str(term).startswith(OWN_COLUMNS):
            raise ValueError(
                f"{name} calls a term {term!r}. The history's own columns are {', '.join(taken)}, and what begins with "
                "source_ or probe_: rename the term."
            )


def opened(checkpoint: Path, text: str) -> dict | None:
    """The state in a checkpoint file, or None where there is none yet. text: of the strategy and the settings.

    Raises OSError where the file cannot be read or its folder is missing, ValueError where it is no checkpoint, or the
    text, by which it is known, is another one in each process.
    """
    if " at 0x" in text:
        raise ValueError(
            "A checkpoint is known by the text of its strategy and settings, and part of it is told by an address: "
            f"{text}. Make what you wrote yourself a dataclass with __call__, as cu.adapters.Ramp is."
        )
    if not checkpoint.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint={str(checkpoint)!r}: there is no folder {str(checkpoint.parent)!r}. Make it first."
        )
    if not checkpoint.exists():
        return None
    try:
        state = torch.load(checkpoint, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever a file of another kind makes of torch
        raise ValueError(f"{checkpoint} is damaged or no checkpoint. Name another file, or remove it.") from error
    if not isinstance(state, dict) or "identity" not in state:
        raise ValueError(f"{checkpoint} holds no run's state. Name another file, or remove it.")
    return state
