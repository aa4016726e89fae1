"""What every stored lesson must be, read from its file without a kernel.

nbval compares outputs; it says nothing about a notebook that has none, that is too long, or whose figures
cannot be heard. A guard takes a `Lesson` and yields its complaints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from guards import anatomy, outputs, prose
from guards.lesson import Lesson

Guard = Callable[[Lesson], Iterator[str]]

GUARDS: tuple[Guard, ...] = (*anatomy.GUARDS, *outputs.GUARDS, *prose.GUARDS)


def complaints(lesson: Lesson) -> list[str]:
    """Everything that is wrong with a lesson, each complaint behind the name of the guard that made it."""
    return [f"{guard.__name__.replace('_', ' ')}: {complaint}" for guard in GUARDS for complaint in guard(lesson)]
