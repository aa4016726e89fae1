"""Notebooks as tests: what nbval 0.11 leaves open, and the environment that every lesson is tested in."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
OUTPUT_TIMEOUT = 60  # seconds that nbval waits for a kernel's next message; its own 5 is short on a busy machine

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["COURSE_PROGRESS"] = "off"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
for name in ("COURSE_THREADS", "COURSE_PAIR", "MPLBACKEND"):
    os.environ.pop(name, None)  # the stored outputs were made without them


def pytest_configure(config: pytest.Config) -> None:
    from nbval.kernel import RunningKernel

    def execute_cell_input(self: RunningKernel, source: str, allow_stdin: bool | None = None) -> str:
        # with history a trailing ";" mutes the last value, as it does for the reader
        return self.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    RunningKernel.execute_cell_input = execute_cell_input


def pytest_collectstart(collector: pytest.Collector) -> None:
    if hasattr(collector, "skip_compare"):
        # stderr names the kernel's process, an SVG its date; HTML repeats in markup what text/plain says
        collector.skip_compare += ("stderr", "image/svg+xml", "text/html")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = OUTPUT_TIMEOUT
