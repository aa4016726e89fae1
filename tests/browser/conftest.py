"""One JupyterLab and one headless Chromium for all browser tests; a learner without Chromium gets a skip."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "no Chromium on this machine: install it, and the course is tested in a real browser too"
TOKEN = "only-for-this-test"
IDLE = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab without the reader's settings, and the folder that it shows."""

    url: str
    folder: Path

    def write(self, name: str, *cells: str) -> None:
        """A notebook of these code cells."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        made.cells = [nbformat.v4.new_code_cell(text) for text in cells]
        nbformat.write(made, self.folder / name)

    def save(self, page: Page) -> None:
        """Saves the notebook in front, and waits until it lies on the disk."""
        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")

    def open(self, page: Page, name: str) -> None:
        """Opens a notebook in a fresh workspace and waits for its kernel."""
        page.goto(f"{self.url}/lab/workspaces/{Path(name).stem}/tree/{name}?reset&token={TOKEN}")
        page.wait_for_function(IDLE, timeout=120_000)

    def outputs(self, page: Page) -> list[dict]:
        """The outputs of all cells, as the notebook stores them."""
        cells = "Array.from(window.jupyterapp.shell.currentWidget.content.model.cells).map(c => c.toJSON())"
        return [o for cell in json.loads(page.evaluate(f"JSON.stringify({cells})")) for o in cell.get("outputs", [])]

    def run_all(self, page: Page) -> None:
        """Runs every cell; fails with the first error's text."""
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(IDLE, timeout=120_000)
        errors = ["\n".join(o["traceback"]) for o in self.outputs(page) if o["output_type"] == "error"]
        assert not errors, errors[0]

    def ask(self, page: Page, code: str) -> str:
        """Runs code in the notebook's kernel, beside its cells, and returns what it printed."""
        return page.evaluate(
            """async (code) => {
              const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
              const future = kernel.requestExecute({ code });
              let said = "";
              future.onIOPub = ({ content }) => { said += content.text ?? content.evalue ?? ""; };
              await future.done;
              return said.trim();
            }""",
            code,
        )

    def hears(self, page: Page, code: str, answer: str) -> None:
        """Asks until the kernel answers so: what the browser sends it travels in its own time."""
        for _ in range(100):
            if (said := self.ask(page, code)) == answer:
                return
        pytest.fail(f"{code} says {said!r} and not {answer!r}")


@contextmanager
def jupyterlab(home: Path) -> Iterator[Lab]:
    """A server that keeps all it writes in `home`."""
    course = home / "course"
    course.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = os.environ | places | {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": path, "HOME": str(home)}
    env.pop("COURSE_PROGRESS", None)  # a reader sees live widgets
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": course,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", *(f"--{k}={v}" for k, v in options.items())]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        _until_it_answers(port, home / "log")
        yield Lab(f"http://127.0.0.1:{port}", course)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that looks up nothing by itself."""
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with jupyterlab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def _until_it_answers(port: int, log: Path, seconds: int = 90) -> None:
    for _ in range(2 * seconds):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={TOKEN}").close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(log.read_text())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
