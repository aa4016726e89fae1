"""What a strategy is: a class whose `loss` reads like the paper's equation."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.batch import Batch
from course_utils.data.augment import Augmentation
from course_utils.data.batches import View
from course_utils.errors import nearest
from course_utils.tasks import Labels, Task

Terms = dict[str, Float[Tensor, ""]]


METHODS = (types.FunctionType, staticmethod, classmethod)


class Adapter(nn.Module):
    """One adaptation strategy.

    A subclass is a dataclass of its settings. It may override:
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

    A method that the loop would never call is refused when the class is written.
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
            raise TypeError(f"{cls.__name__} inherits from another strategy. Share a function in losses.py instead.")
        for name, member in vars(cls).items():
            if isinstance(member, METHODS) and not name.startswith("_") and name not in cls.HOOKS:
                raise TypeError(
                    f"{cls.__name__}.{name} is never called by the loop.{nearest(name, cls.HOOKS)} "
                    "Give a helper of your own a leading underscore."
                )

    def __new__(cls, *args: object, **options: object) -> Adapter:
        known = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
        for name in set(options) - set(known):
            raise TypeError(f"{cls.__name__} has no option {name!r}.{nearest(name, known)}")
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
            return not (_overrides(self, "steps") or _overrides(self, "refresh"))
        return self.of_places

    def build(self, net: nn.Module) -> None:
        """Makes what the strategy trains beside the net."""

    def loss(self, source: View, target: View, progress: float) -> Terms:
        raise NotImplementedError(f"{type(self).__name__} needs a loss(source, target, progress).")

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        """The objectives of one batch, in turn, each with the players that move. One objective unless overridden."""
        yield self.loss(*batch.forward(), progress), ("all",)

    def groups(self) -> list[dict]:
        """Parameter groups of what `build` made; `rate` multiplies the run's learning rate."""
        own = list(self.parameters())
        return [{"params": own, "rate": 1.0}] if own else []

    def players(self, net: nn.Module) -> dict[str, list[dict]]:
        """Who is optimised: by default the net and the strategy's own modules, by one optimiser."""
        return {"all": net.groups() + self.groups()}

    def refresh(self, source: View | None, target: View | None) -> None:
        """Before each epoch: ids, features and logits of all training images in evaluation mode, and source labels."""

    def __add__(self, other: Adapter) -> Adapter:
        return Sum(self, other)


@dataclass(eq=False)
class Sum(Adapter):
    """`A() + B()`: the sum of both strategies' named terms. The task term, which both have, counts once.

    Where one overrides `steps`, the other's terms join its first objective; where one overrides `players`, its groups
    are those of the net, and what the other trains is a player of its own, `added`, that moves with these terms. The
    weighed losses of a strategy that weighs tasks stand in the place of the other's task term.
    Two that override the same, learn from labels of different sides, or call two terms alike are refused.
    """

    first: Adapter
    second: Adapter

    def __post_init__(self) -> None:
        first, second = type(self.first).__name__, type(self.second).__name__
        for hook, what in (("steps", "alternate their own steps"), ("players", "say who is optimised")):
            if _overrides(self.first, hook) and _overrides(self.second, hook):
                raise TypeError(f"{first} and {second} both {what}: they cannot be summed.")
        if {"target", "shots"} <= set(self.sides):
            raise TypeError(f"Of {first} and {second} one looks at all target images and one at the labelled few.")
        here, there = _labelled(self.first), _labelled(self.second)
        if not (here <= there or there <= here):
            raise TypeError(
                f"{first} learns from labels of {', '.join(here)} and {second} from those of {', '.join(there)}: a sum "
                "has one task term."
            )
        if _overrides(self.second, "steps"):
            self.first, self.second = self.second, self.first
        self._apart = False

    @property
    def sides(self) -> tuple[str, ...]:
        return tuple(s for s in ("source", "target", "shots") if s in self.first.sides + self.second.sides)

    @property
    def target_statistics(self) -> bool:
        return self.first.target_statistics or self.second.target_statistics

    @property
    def second_view(self) -> Augmentation | None:
        return self.first.second_view or self.second.second_view

    @property
    def of_places(self) -> bool:
        return self.first.learns_places and self.second.learns_places

    @property
    def unseals(self) -> str | None:
        return self.first.unseals or self.second.unseals

    @property
    def weighs_tasks(self) -> bool:
        return self.first.weighs_tasks or self.second.weighs_tasks

    def build(self, net: nn.Module) -> None:
        for part in (self.first, self.second):
            part.task, part.autocast = self.task, self.autocast
            part.build(net)

    def loss(self, source: View | None, target: View | None, progress: float) -> Terms:
        return self._joined(self.first.loss(source, target, progress), self.second.loss(source, target, progress))

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        moves = self.first.steps(batch, progress)
        terms, players = next(moves)
        terms = self._joined(terms, self.second.loss(batch.source, batch.target, progress))
        yield terms, (*players, "added") if self._apart and "added" not in players else players
        yield from moves

    def groups(self) -> list[dict]:
        return self.first.groups() + self.second.groups()

    def players(self, net: nn.Module) -> dict[str, list[dict]]:
        parts = self.first, self.second
        chooser, other = reversed(parts) if _overrides(self.second, "players") else parts
        players, added = chooser.players(net), other.groups()
        # One player would be the net, which moves whenever it is its turn; what is added moves with its own terms.
        self._apart = len(players) > 1 and bool(added)
        (players.setdefault("added", []) if self._apart else next(iter(players.values()))).extend(added)
        return players

    def refresh(self, source: View | None, target: View | None) -> None:
        for part in (self.first, self.second):
            part.refresh(source, target)

    def _joined(self, terms: Terms, extra: Terms) -> Terms:
        if self.weighs_tasks:
            terms = {name: term for name, term in terms.items() if name != "task"}
        extra = {name: term for name, term in extra.items() if name != "task"}
        if twice := set(terms) & set(extra):
            raise TypeError(f"Both strategies call a term {sorted(twice)[0]!r}: their curves could not be told apart.")
        return terms | extra


def _labelled(adapter: Adapter) -> set[str]:
    """The sides whose labels are in its task term."""
    return set(adapter.sides) - (set() if adapter.unseals else {"target"})


def _overrides(adapter: Adapter, hook: str) -> bool:
    if isinstance(adapter, Sum):
        return any(_overrides(part, hook) for part in (adapter.first, adapter.second))
    return getattr(type(adapter), hook) is not getattr(Adapter, hook)
