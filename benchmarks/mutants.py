"""Does a defect turn a test red? Each defect of tests/mutants.toml is put into a copy of the tree, and its tests run.

    python3 course.py bench mutants

Only the tests that a defect names are run, first without it (all must be green), then with it (all must be red).
torch is imported once: on Linux every run is a fork of this process, elsewhere a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("course_utils", "tests", "notebooks", "conftest.py", "pyproject.toml")
PRELOADED = (
    *("torch", "torchvision", "pandas", "scipy.stats", "sklearn.metrics"),
    *("IPython", "nbval.plugin", "hypothesis"),
)
QUICK = (
    *("-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:anyio"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # preloaded plugins come too late to be rewritten
)
TIME_LIMIT = 300  # seconds for one run
Outcomes = dict[str, str]


class StaleMutantError(Exception):
    """An entry of mutants.toml that no longer fits the code."""


@dataclass(frozen=True)
class Mutant:
    """A defect in one file: `old` becomes `new`, or a stored notebook gets one of `NOTEBOOK_DEFECTS`.

    red: the pytest node ids that must fail; `{lesson}` stands for the name of the notebook.
    """

    name: str
    file: str
    red: tuple[str, ...]
    old: str = ""
    new: str = ""
    defect: str = ""

    def nodes(self, tree: Path) -> tuple[str, ...]:
        return tuple(node.format(lesson=self.path(tree).stem) if self.defect else node for node in self.red)

    def path(self, tree: Path) -> Path:
        found = sorted(tree.glob(self.file))
        if not found:
            raise StaleMutantError(f"{self.name}: there is no {self.file}")
        return found[0]

    def spoil(self, tree: Path) -> None:
        path = self.path(tree)
        if self.defect:
            notebook = nbformat.read(path, as_version=4)
            NOTEBOOK_DEFECTS[self.defect](notebook)
            nbformat.write(notebook, path)
            return
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise StaleMutantError(f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def strip(notebook: NotebookNode) -> None:
    """What nbstripout does: nbval then compares nothing, and passes."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []


def edit_claim(notebook: NotebookNode) -> None:
    """One letter of one stored claim."""
    cell = next(cell for cell in notebook.cells if "claim" in cell.metadata.get("tags", []))
    data = cell.outputs[0].data
    data["text/plain"] = data["text/plain"][:-1] + ("x" if data["text/plain"][-1] != "x" else "y")


NOTEBOOK_DEFECTS: dict[str, Callable[[NotebookNode], None]] = {"stripped": strip, "edited": edit_claim}


def read(path: Path) -> list[Mutant]:
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(**entry | {"red": tuple(entry["red"])}) for entry in entries]


def judge(mutants: list[Mutant], root: Path) -> dict[str, list[str]]:
    """The tests that stayed green, for each mutant by name: a mutant is killed when there are none.

    Raises StaleMutantError when an entry does not fit the code, or a test is not green to begin with.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = _copy(root, Path(folder) / "tree")
        asked = {mutant: mutant.nodes(tree) for mutant in mutants}
        clean = run_tests(tree, {node for nodes in asked.values() for node in nodes})
        if not clean:
            raise StaleMutantError(f"No test was run:\n{_log(tree).read_text()[-2000:]}")
        for mutant, nodes in asked.items():
            for node in nodes:
                if clean.get(node) != "passed":
                    raise StaleMutantError(f"{mutant.name}: without it, {node} is {clean.get(node, 'no test')}")
        survived = {}
        for mutant, nodes in asked.items():
            path = mutant.path(tree)
            whole = path.read_bytes()
            mutant.spoil(tree)
            outcomes = run_tests(tree, nodes)
            path.write_bytes(whole)
            survived[mutant.name] = [node for node in nodes if outcomes.get(node) != "failed"]
            print(f"{'survived' if survived[mutant.name] else 'killed':9} {mutant.name}", flush=True)
    return survived


def run_tests(tree: Path, nodes: Iterable[str]) -> Outcomes:
    """The outcome of each test, in a process of its own; what pytest prints goes to a file beside the tree."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(tree, sorted(nodes), sender))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(TIME_LIMIT) else {}
    except EOFError:  # the child died
        return {}
    finally:
        process.kill()
        process.join()


class _Outcomes:
    """A pytest plugin that keeps the outcome of each test: failed if any of its phases failed."""

    def __init__(self) -> None:
        self.of: Outcomes = {}

    def pytest_runtest_logreport(self, report: object) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.of[report.nodeid] = report.outcome


def _child(tree: Path, nodes: list[str], sender: object) -> None:
    import pytest

    gc.freeze()  # or every run would look for garbage in all of torch
    sys.dont_write_bytecode = True  # a mutant of equal length within one second would meet the old bytecode
    os.chdir(tree)
    printed = os.open(_log(tree), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    kept = _Outcomes()
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={tree}", *QUICK]
    pytest.main([*nodes, *options], plugins=[kept])
    sender.send(kept.of)
    sender.close()


def _log(tree: Path) -> Path:
    return tree.with_name("pytest.txt")


def _copy(root: Path, tree: Path) -> Path:
    tree.mkdir()
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).exists():
            shutil.copy(root / name, tree / name)
    return tree


def main(root: Path = ROOT) -> int:
    for name in PRELOADED:
        importlib.import_module(name)
    try:
        survived = judge(read(root / "tests" / "mutants.toml"), root)
    except StaleMutantError as error:
        print(f"tests/mutants.toml does not fit the code. {error}", file=sys.stderr)
        return 2
    for name, green in survived.items():
        if green:
            print(f"{name} goes unseen by {', '.join(green)}")
    print(f"mutation score: {sum(not green for green in survived.values())} of {len(survived)} defects seen")
    return int(any(survived.values()))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    sys.exit(main())
