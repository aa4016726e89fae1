"""A stored notebook, its cells by kind and by tag, and what `render` wrote beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from lesson_source import Registry
from nbformat import NotebookNode


@dataclass(frozen=True)
class Lesson:
    path: Path
    notebook: NotebookNode
    registry: Registry
    size: int  # bytes

    @classmethod
    def read(cls, path: Path) -> Lesson:
        return cls(path, nbformat.read(path, as_version=4), Registry(path.parent), path.stat().st_size)

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @property
    def script(self) -> Path:
        return self.path.parent / "src" / f"{self.path.stem}.py"

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def text(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def outputs(self) -> list[tuple[NotebookNode, NotebookNode]]:
        """Every output, behind the cell that shows it."""
        return [(cell, output) for cell in self.code for output in cell.outputs]

    def tagged(self, tag: str) -> list[NotebookNode]:
        return [cell for cell in self.cells if tag in tags(cell)]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])
