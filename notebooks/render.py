"""Builds the lessons: notebooks/src/NN_topic.py becomes notebooks/NN_topic.ipynb, executed, with its outputs.

    python notebooks/render.py [NN ...]             execute and write these lessons, or all of them
    python notebooks/render.py --text NN            take edits of text over, and keep the outputs of unchanged code
    python notebooks/render.py --from-notebook NN   take the edits made in JupyterLab back to the script
    python notebooks/render.py --handout [NN ...]   write copies without solutions to handout/
    python notebooks/render.py --quotes             fill the numbers that README and docs quote

A lesson that fails leaves its old notebook in place. claims.json (what each lesson claims, and what it
measured) and minutes.json (how long each one takes) are written here and nowhere else.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path

import front_page
import guards
import lesson_source
import nbformat
from ipykernel import kernelspec
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from lesson_source import LessonError, Registry
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parent
CELL_TIMEOUT = 600  # seconds
UNSET = {"COURSE_PAIR", "MPLBACKEND"}  # an author's own wishes are not the lesson's
FIXED = {"OMP_NUM_THREADS": "1", "COURSE_THREADS": "1", "COURSE_PROGRESS": "off"}


def render(path: Path) -> float:
    """Executes a script and writes its notebook, its claims and its minutes. Returns the minutes.

    Raises LessonError when a cell fails or a placeholder names nothing; then nothing was written.
    """
    notebook = lesson_source.read(path)
    folder, number = path.parent.parent, path.name[:2]
    started = computed()
    execute(notebook, path.stem, folder)
    minutes = math.ceil((computed() - started) / 30) / 2
    registry = Registry(folder)
    registry.update(number, normalise(notebook), minutes)
    lesson_source.fill(notebook, path.stem, registry)
    nbformat.validate(notebook)
    lesson_source.write(folder / f"{path.stem}.ipynb", nbformat.writes(notebook))
    registry.save()
    return minutes


def reword(script: Path, stored: Path) -> None:
    """Writes a notebook whose text was edited, with the outputs that it has. Raises LessonError where code was."""
    notebook, before = lesson_source.read(script), nbformat.read(stored, as_version=4)
    code = [[cell for cell in of.cells if cell.cell_type == "code"] for of in (notebook, before)]
    now, was = ({cell.id: (cell.source, cell.metadata) for cell in cells} for cells in code)
    if list(now.items()) != list(was.items()):
        changed = [id for id in now | was if now.get(id) != was.get(id)]
        raise LessonError(f"{script.stem}: code was edited ({', '.join(changed) or 'its order'}): render it whole.")
    for cell, old in zip(*code, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    notebook.metadata = lesson_source.METADATA
    lesson_source.fill(notebook, script.stem, Registry(stored.parent))
    lesson_source.write(stored, nbformat.writes(notebook))


def computed() -> float:
    """Seconds of a processor that kernels have taken so far: a busy machine does not stretch them."""
    times = os.times()
    # Windows counts no children; there only the clock is left.
    return time.monotonic() if os.name == "nt" else times.children_user + times.children_system


def execute(notebook: NotebookNode, stem: str, folder: Path) -> None:
    """Runs every cell in a clean kernel of this interpreter, as the tests will, and keeps the outputs."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    search = [str(NOTEBOOKS.parent), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= FIXED | {"PYTHONPATH": os.pathsep.join(search)}
    running: list[NotebookNode] = []
    client = NotebookClient(
        notebook,
        kernel_manager_class=_Kernel,
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        on_cell_execute=lambda cell, cell_index: running.append(cell),
        extra_arguments=["--IPKernelApp.log_level=40"],  # its advice on transport is no news to an author
    )
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        what = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
        raise LessonError(f"{stem} failed in cell {running[-1].id}\n\n{running[-1].source}\n\n{what}") from error


def normalise(notebook: NotebookNode) -> dict[str, dict]:
    """Removes what differs from one rendering to the next; returns the claims found in the outputs."""
    notebook.metadata = lesson_source.METADATA
    claims = {}
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            if output.output_type == "error":  # its frames name this machine's folders
                output.traceback = [f"{output.ename}: {output.evalue}"]
            if claim := output.get("metadata", {}).pop("claim", None):
                claims[claim.pop("id")] = claim
    return claims


def handout(path: Path, folder: Path) -> Path:
    """Writes a copy of a notebook without its solutions, for a class."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
    folder.mkdir(exist_ok=True)
    lesson_source.write(folder / path.name, nbformat.writes(notebook))
    return folder / path.name


class _Kernel(AsyncKernelManager):
    """Starts the running interpreter, whatever kernel called python3 the user has installed elsewhere."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict())


def _scripts(folder: Path, numbers: list[str]) -> list[Path]:
    known = {path.name[:2]: path for path in sorted((folder / "src").glob("[0-9][0-9]_*.py"))}
    if unknown := [number for number in numbers if number not in known]:
        raise LessonError(f"No lesson {', '.join(unknown)} in src. There are: {', '.join(known) or 'none'}.")
    return [known[number] for number in numbers] if numbers else list(known.values())


def _render_and_judge(script: Path, notebook: Path) -> None:
    print(f"{script.stem}: {render(script):g} min", flush=True)
    for complaint in guards.complaints(guards.Lesson.read(notebook)):
        print(f"  {complaint}")


def _reword(script: Path, notebook: Path) -> None:
    reword(script, notebook)
    print(f"{notebook.name} has the text of src/{script.name}, and its outputs as they were")


def _take_back(script: Path, notebook: Path) -> None:
    lesson_source.take_back(script)
    print(f"src/{script.name} now reads as {notebook.name} does; render it to run it")


def _hand_out(script: Path, notebook: Path) -> None:
    print(handout(notebook, notebook.parent.parent / "handout"))


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    about = "Builds the lessons from notebooks/src, executed, with their outputs."
    parser = argparse.ArgumentParser(prog="course.py render", description=about)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="two-digit numbers; none means all")
    parser.set_defaults(act=_render_and_judge)
    way = parser.add_mutually_exclusive_group()
    for option, act, help in (
        ("--text", _reword, "take edits of text over, and keep the outputs"),
        ("--from-notebook", _take_back, "take edits made in JupyterLab back to the scripts"),
        ("--handout", _hand_out, "write copies without solutions to handout/"),
    ):
        way.add_argument(option, dest="act", action="store_const", const=act, help=help)
    way.add_argument("--quotes", action="store_true", help="only fill the numbers that README and docs quote")
    given = parser.parse_args(arguments)
    if given.quotes:
        return front_page.main()
    failed = False
    try:
        scripts = _scripts(folder, given.lessons)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 2
    for script in scripts:
        notebook = folder / f"{script.stem}.ipynb"
        try:
            if given.act is not _render_and_judge and not notebook.exists():
                raise LessonError(f"{notebook.name} does not exist yet: render it first.")
            given.act(script, notebook)
        except LessonError as error:
            failed = True
            print(error, file=sys.stderr)
    if given.act is _render_and_judge and folder == NOTEBOOKS and not failed:
        front_page.main()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
