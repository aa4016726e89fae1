"""A copy of course.py in an empty house, and a runner that records commands instead of running them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


class Runner:
    """Stands for `course.run`. A command that contains a key of `failures` fails and prints its text."""

    def __init__(self, course: ModuleType):
        self.course = course
        self.commands: list[str] = []
        self.extras: list[dict[str, str]] = []
        self.failures: dict[str, str | BaseException] = {}

    def __call__(self, command: list, quiet: bool = False, **extra: str) -> subprocess.CompletedProcess:
        words = " ".join(map(str, command))
        self.commands.append(words)
        self.extras.append(extra)
        if " venv " in words:
            self.make_environment()
        for word, printed in self.failures.items():
            if word in words and isinstance(printed, BaseException):
                raise printed
            if word in words:
                return subprocess.CompletedProcess(command, 1, printed)
        return subprocess.CompletedProcess(command, 0, f"{self.course.VENV / 'site-packages'}\n")

    def make_environment(self) -> None:
        """What `python -m venv --clear` leaves behind, as far as course.py looks at it."""
        shutil.rmtree(self.course.VENV, ignore_errors=True)
        self.course.PYTHON.parent.mkdir(parents=True)
        self.course.PYTHON.touch()
        (self.course.VENV / "pyvenv.cfg").write_text("prompt = 'course'\n")

    def count(self, word: str) -> int:
        return sum(word in command for command in self.commands)


@pytest.fixture
def course(tmp_path) -> ModuleType:
    for name in ("course.py", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("notebooks", "benchmarks", "course_utils/data"):
        (tmp_path / folder).mkdir(parents=True)
    spec = importlib.util.spec_from_file_location("course_in_an_empty_house", tmp_path / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOM = 0  # a test must not need gigabytes
    return module


@pytest.fixture
def runner(course, monkeypatch) -> Runner:
    runner = Runner(course)
    monkeypatch.setattr(course, "run", runner)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return runner


@pytest.fixture
def lesson(course):
    """Writes a lesson: `lesson("01_shift", "x = 1", "y = 2", output="3")`."""

    def write(name: str, *sources: str, output: str | None = None, folder: Path = course.LESSONS) -> Path:
        outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}] if output else []
        cells = [{"cell_type": "code", "source": text.splitlines(True), "outputs": outputs} for text in sources]
        path = folder / f"{name}.ipynb"
        path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
        return path

    return write
