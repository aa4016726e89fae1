"""One progress bar: HTML that is replaced in place in a notebook, tqdm in a terminal, nothing in tests."""

from __future__ import annotations

import html
import os
import sys
from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    def update(self, done: int, text: str) -> None: ...
    def close(self, text: str) -> None: ...


def progress_bar(total: int, title: str) -> Progress:
    """COURSE_PROGRESS=off silences it; the stored lessons are made that way, so no dead bar is ever saved."""
    if os.environ.get("COURSE_PROGRESS") == "off":
        return _Silent()
    if _in_a_kernel():
        return _Notebook(total, title)
    return _Terminal(total, title) if sys.stderr.isatty() else _Silent()


def _in_a_kernel() -> bool:
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    # Anybody may import ipykernel; only a shell that it runs has a kernel, and somewhere to display.
    return hasattr(get_ipython(), "kernel")


class _Silent:
    def update(self, done: int, text: str) -> None:
        pass

    def close(self, text: str) -> None:
        pass


class _Terminal:
    def __init__(self, total: int, title: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=title, leave=False)

    def update(self, done: int, text: str) -> None:
        self._bar.n = done
        self._bar.set_postfix_str(text)

    def close(self, text: str) -> None:
        self._bar.close()


class _Notebook:
    """A plain HTML output, so that a saved notebook shows the last state and not a dead widget."""

    def __init__(self, total: int, title: str) -> None:
        from IPython.display import HTML, display

        self._total, self._title, self._html = total, title, HTML
        self._handle = display(HTML(self._bar(0, "")), display_id=True)

    def update(self, done: int, text: str) -> None:
        self._handle.update(self._html(self._bar(done, text)))

    def close(self, text: str) -> None:
        self._handle.update(self._html(f"<small>{html.escape(self._title)}: {html.escape(text)}</small>"))

    def _bar(self, done: int, text: str) -> str:
        label = f"{html.escape(self._title)} {html.escape(text)}"
        return f'<label><progress value="{done}" max="{self._total}"></progress> <small>{label}</small></label>'
