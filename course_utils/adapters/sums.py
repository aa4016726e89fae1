"""Two strategies at once: the sum of their named terms."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.data.augment import Augmentation
from course_utils.data.batches import View
from course_utils.nets import Net


@dataclass(eq=False)
class Sum(Adapter):
    """`A() + B()`: the sum of both strategies' named terms. The task term, which both have, counts once.

    Where one overrides `steps`, the other's terms join its first objective; where one overrides `players`, its groups
    are those of the net. Where it has several players, what the other trains is one more, `added`, that moves with
    these terms. The weighed losses of a strategy that weighs tasks stand in the place of the other's task term.
    Two that override the same, learn from labels of different sides, or call two terms alike are refused; so are
    weights of tasks beside a strategy that makes a task term of its own.
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
        for weighs, other in ((self.first, self.second), (self.second, self.first)):
            if weighs.weighs_tasks and not other.weighs_tasks and _overrides(other, "steps"):
                raise TypeError(
                    f"{type(other).__name__} has a task term of its own: {type(weighs).__name__} cannot weigh it."
                )
        if not (here <= there or there <= here):
            raise TypeError(
                f"{first} learns from labels of {', '.join(here)} and {second} from those of {', '.join(there)}: a sum "
                "has one task term."
            )
        # The first one's task term is the sum's: it must be that of all labels.
        if _overrides(self.second, "steps") or (here < there and not _overrides(self.first, "steps")):
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

    def build(self, net: Net) -> None:
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

    def players(self, net: Net) -> dict[str, list[dict]]:
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
        if "task" in terms or self.weighs_tasks:
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


def _add(self: Adapter, other: object) -> Sum | types.NotImplementedType:
    return Sum(self, other) if isinstance(other, Adapter) else NotImplemented


# Here, where the sum is known: a strategy by itself depends on none.
Adapter.__add__ = _add
