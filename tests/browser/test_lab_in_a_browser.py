"""What a newcomer sees: JupyterLab opens on the course, in a real browser, and the first cells run without an error."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
TOKEN = "only-for-this-test"
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> str:
    """JupyterLab on a copy of the lessons, without the reader's settings; the address of its files."""
    home = tmp_path_factory.mktemp("lab")
    course = home / "course"
    course.mkdir()
    for name in LESSONS:
        shutil.copy(ROOT / "notebooks" / name, course)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    env = os.environ | places | {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": str(ROOT), "HOME": str(home)}
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
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _until_it_answers(port: int, log: Path, seconds: int = 90) -> None:
    for _ in range(2 * seconds):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={TOKEN}").close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def page(server):
    """One page of a headless Chromium that looks up nothing by itself."""
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_opens_with_its_stored_figures_and_its_first_cell_runs(server, page, name: str) -> None:
    page.goto(f"{server}/lab/workspaces/w{name[:2]}/tree/{name}?reset&token={TOKEN}")
    idle = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(idle, timeout=120_000)
    assert page.locator(".jp-Notebook h1").first.is_visible()
    assert page.locator(".jp-OutputArea-output img").count() > 0, "stored figures are shown before anything is run"
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    page.wait_for_function(idle, timeout=120_000)
    cells = "Array.from(window.jupyterapp.shell.currentWidget.content.model.cells).map(c => c.toJSON())"
    outputs = [o for cell in json.loads(page.evaluate(f"JSON.stringify({cells})")) for o in cell.get("outputs", [])]
    names = [o.get("ename") for o in outputs if o["output_type"] == "error"]
    assert set(names) <= {"SealedLabelsError"}, "only the error that teaches"
    assert page.locator("text=Error displaying widget").count() == 0
