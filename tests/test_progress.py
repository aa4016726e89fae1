"""Where a progress bar goes."""

from __future__ import annotations

import sys
import types

import pytest

from course_utils import progress


@pytest.mark.parametrize(("shell", "kind"), [(None, "_Silent"), (object(), "_Silent")])
def test_importing_ipykernel_makes_no_notebook(shell, kind: str, monkeypatch) -> None:
    """A script that imports a library which imports ipykernel has nowhere to display HTML."""
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    bar = progress.progress_bar(3, "a fit")
    assert type(bar).__name__ == kind
    bar.update(1, "x")
    bar.close("done")


def test_a_shell_with_a_kernel_gets_a_bar_in_html(monkeypatch) -> None:
    shown = []
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr("IPython.get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    handle = types.SimpleNamespace(update=lambda html: shown.append(html.data))
    monkeypatch.setattr("IPython.display.display", lambda html, display_id: shown.append(html.data) or handle)
    bar = progress.progress_bar(3, "a <fit>")
    bar.update(2, "epoch 2")
    bar.close("done")
    assert 'value="2" max="3"' in shown[1] and "a &lt;fit&gt;: done" in shown[2]
