"""What a strategy is: a class whose `loss` reads like the paper's equation."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.batch import Batch
from course_utils.data.augment import Augmentation
from course_utils.data.batches import View
from course_utils.errors import nearest
from course_utils.nets import Net
from course_utils.tasks import Labels, Task

Terms = dict[str, Float[Tensor, ""]]
METHODS = (types.FunctionType, staticmethod, classmethod)
SIDES = (("source", "target"), ("source", "shots"), ("source",), ("target",), ("shots",))


class Adapter(nn.Module):
    """One adaptation strategy.

    A subclass is a dataclass of its settings:

        @dataclass(eq=False)
        class Closer(cu.Adapter):
            weight: float = 1.0

            def loss(self, source, target, progress):
                apart = source.features.mean(0) - target.features.mean(0)
                return {"task": self.task.loss(source), "means": self.weight * apart.square().sum()}

    It may override:
        build(net)                      make critics and memories as attributes, so that they are moved and saved
        loss(source, target, progress)  the named terms whose sum is minimised
        steps(batch, progress)          only for games that alternate: yields (terms, names of players)
        groups()                        its own parameter groups, with `rate` relative to the run's
        players(net)                    parameter groups by player, one optimiser each
        refresh(source, target)         looks at whole training sets before each epoch

    sides: what training looks at: source, target (its images alone), or shots, the target's few labels, which then
        stand in the target's place.
    target_statistics: whether a net that never saw the target is given the target's batch-norm statistics (AdaBN).
    second_view: the augmentation of each view's second images, where the strategy compares two.
    unseals: why the target's labels are opened; only the oracle may say something here.
    of_places: whether it can learn about places in an image; None, where its hooks tell.
    weighs_tasks: whether it has a term for each task of the run, by name, in the place of one task term.
    task, autocast: what is predicted, and the run's precision for what `build` made; `fit` sets both.

    A method that the loop would never call is refused when the class is written. `A() + B()` is their sum (`sums.py`).
    """

    HOOKS: ClassVar = ("build", "loss", "steps", "groups", "players", "refresh")
    sides: ClassVar = ("source", "target")
    target_statistics: ClassVar = False
    second_view: ClassVar[Augmentation | None] = None
    unseals: ClassVar[str | None] = None
    of_places: ClassVar[bool | None] = None
    weighs_tasks: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if Adapter not in cls.__bases__:
            raise TypeError(f"{cls.__name__} inherits from another strategy. Share a function in losses/ instead.")
        if "__init__" in vars(cls):
            raise TypeError(
                f"{cls.__name__} writes its own __init__. Declare its settings as fields under @dataclass(eq=False): "
                "by their text records and checkpoints are told apart."
            )
        if cls.sides not in SIDES and not isinstance(cls.sides, property):
            raise TypeError(f"{cls.__name__}.sides is {cls.sides!r}: choose from {', '.join(map(str, SIDES))}.")
        attributes = [name for name in vars(Adapter) if name.islower() and not callable(vars(Adapter)[name])]
        for name, value in vars(cls).items():
            declared = name.startswith("_") or name in attributes or callable(value) or name in _fields_declared(cls)
            if not declared and (close := difflib.get_close_matches(name, attributes, n=1, cutoff=0.85)):
                raise TypeError(f"{cls.__name__}.{name} is never read by the loop. Did you mean {close[0]!r}?")
        for name, member in vars(cls).items():
            if isinstance(member, METHODS) and not name.startswith("_") and name not in cls.HOOKS:
                raise TypeError(
                    f"{cls.__name__}.{name} is never called by the loop.{nearest(name, cls.HOOKS)} "
                    "Give a helper of your own a leading underscore."
                )

    def __new__(cls, *args: object, **options: object) -> Adapter:
        if cls.__hash__ is None:
            raise TypeError(
                f"{cls.__name__} is under @dataclass, and two runs would compare it by value: @dataclass(eq=False)."
            )
        known = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
        for name in set(options) - set(known):
            hint = (
                nearest(name, known)
                if known
                else f" Declare it as a field of {cls.__name__} under @dataclass(eq=False)."
            )
            raise TypeError(f"{cls.__name__} has no option {name!r}.{hint}")
        self = super().__new__(cls)
        # Here and not in __init__, which the dataclass writes: a Module must exist before its attributes do.
        nn.Module.__init__(self)
        self.task: Task = Labels()
        self.autocast: Callable[[], AbstractContextManager] = nullcontext
        return self

    @property
    def learns_places(self) -> bool:
        """Whether boxes and masks can be its task: it sees places as rows, and asks for nothing of whole sets."""
        if self.of_places is None:
            return not any(getattr(type(self), hook) is not getattr(Adapter, hook) for hook in ("steps", "refresh"))
        return self.of_places

    def build(self, net: Net) -> None:
        """Makes what the strategy trains beside the net."""

    def loss(self, source: View, target: View, progress: float) -> Terms:
        """Scalar tensors by name. progress: the share of all steps that are done, in [0, 1]."""
        raise NotImplementedError(f"{type(self).__name__} needs a loss(source, target, progress).")

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        """The objectives of one batch, in turn, each with the players that move. One objective unless overridden."""
        yield self.loss(*batch.forward(), progress), ("all",)

    def groups(self) -> list[dict]:
        """Parameter groups of what `build` made; `rate` multiplies the run's learning rate."""
        own = list(self.parameters())
        return [{"params": own, "rate": 1.0}] if own else []

    def players(self, net: Net) -> dict[str, list[dict]]:
        """Who is optimised: by default the net and the strategy's own modules, by one optimiser."""
        return {"all": net.groups() + self.groups()}

    def refresh(self, source: View | None, target: View | None) -> None:
        """Before each epoch: ids, features and logits of all training images in evaluation mode, and source labels."""


def _fields_declared(cls: type) -> list[str]:
    try:
        return list(inspect.get_annotations(cls))
    except NameError:  # of a type that is defined further down
        return []
