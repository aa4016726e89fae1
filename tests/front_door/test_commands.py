"""What each command starts, with which options and surroundings."""

import json
import os
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def opened(course, runner, monkeypatch) -> list[str]:
    """The words of the command that `lab` gives its process to."""
    words: list[str] = []
    monkeypatch.setattr(course, "become", lambda command: words.extend(map(str, command)) or 0)
    return words


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_lab_opens_the_first_lesson_of_the_copy_on_this_machine_only(course, opened, lesson, free):
    lesson("00_start here", "1")
    assert course.main(["lab", "--no-browser", "--port", str(free)]) == 0
    assert opened[:3] == [str(course.PYTHON), "-m", "jupyterlab"]
    expected = ["ip=127.0.0.1", f"port={free}", "port_retries=0", f"root_dir={course.COPY}", "open_browser=False"]
    assert {f"--ServerApp.{option}" for option in expected} <= set(opened)
    assert "--LabApp.default_url=/lab/tree/00_start%20here.ipynb" in opened
    assert not [word for word in opened if "token" in word or "password" in word], "Jupyter makes the token"
    assert (course.COPY / "00_start here.ipynb").exists()


def test_lab_opens_a_browser_unless_told_not_to(course, opened):
    course.main(["lab"])
    assert "--ServerApp.open_browser=True" in opened


def test_lab_asks_nobody_for_news(course, opened):
    course.main(["lab"])
    settings = json.loads((course.STATE / "jupyter" / "labconfig" / "page_config.json").read_text())
    assert settings["disabledExtensions"] == {"@jupyterlab/apputils-extension:announcements": True}


def test_a_port_in_use_is_named_with_one_that_is_free(course, opened, taken, capsys):
    assert course.main(["lab", "--port", str(taken)]) == 1
    message = capsys.readouterr().err
    assert f"Port {taken} is in use: try --port " in message
    offered = int(message.split("--port ")[1].split(",")[0])
    assert course.refused(offered) == ""
    assert opened == []
    assert not course.VENV.exists(), "said before the set-up, not after it"


def test_a_port_that_does_not_exist_is_refused_too(course, opened, capsys):
    assert course.main(["lab", "--port", "80000"]) == 1
    assert "cannot be opened" in capsys.readouterr().err


def test_without_a_port_the_next_free_one_is_taken(course, monkeypatch):
    monkeypatch.setattr(course, "refused", lambda port: "is in use" if port < 8891 else "")
    assert course.free_port(None) == 8891


def test_a_stale_kernel_in_the_home_folder_does_not_run_the_lessons(course, tmp_path):
    kernel = tmp_path / "home" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/gone"], "display_name": "stale", "language": "python"}')
    look = "from jupyter_client.kernelspec import get_kernel_spec as get; print(get('python3').display_name)"
    stale = {"JUPYTER_DATA_DIR": str(kernel.parents[1]), "JUPYTER_PATH": str(kernel.parents[1])}
    variables = course.surroundings(JUPYTER_DATA_DIR=stale["JUPYTER_DATA_DIR"])
    seen = [
        subprocess.run([sys.executable, "-c", look], env=env, capture_output=True, text=True, check=True).stdout.strip()
        for env in ({**os.environ, **stale}, variables)
    ]
    assert seen == ["stale", "Python 3 (ipykernel)"]


def test_children_find_the_package_and_none_of_the_readers_jupyter(course, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    variables = course.surroundings(OMP_NUM_THREADS="1")
    assert variables["PYTHONPATH"] == str(course.ROOT)
    assert variables["JUPYTER_PATH"] == ""
    assert variables["JUPYTER_CONFIG_DIR"].startswith(str(course.STATE))
    assert variables["OMP_NUM_THREADS"] == "1"


@pytest.fixture
def browsed(course, monkeypatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr(course.webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_demo_writes_the_pages_and_opens_their_overview(course, runner, browsed, capsys):
    assert course.main(["demo"]) == 0
    pages = course.STATE / "demo"
    stored = course.ROOT / "results" / "explorers"
    assert runner.commands[-1] == f"{course.PYTHON} -m course_utils.explore.demo {stored} {pages}"
    assert browsed == [(pages / "index.html").as_uri()]
    assert "? shows the keys" in capsys.readouterr().out


def test_demo_without_a_browser_says_where_the_pages_are(course, runner, browsed, capsys):
    assert course.main(["demo", "--no-browser"]) == 0
    assert browsed == []
    assert f"Open {course.STATE / 'demo' / 'index.html'} in a browser." in capsys.readouterr().out


def test_demo_on_a_machine_that_has_no_browser_says_so_too(course, runner, monkeypatch, capsys):
    monkeypatch.setattr(course.webbrowser, "open", lambda address: False)
    assert course.main(["demo"]) == 0
    assert "index.html in a browser." in capsys.readouterr().out


def test_demo_opens_nothing_when_the_pages_could_not_be_written(course, runner, browsed):
    runner.failures["explore.demo"] = "no explorer"
    assert course.main(["demo"]) == 1
    assert browsed == []


def test_test_runs_ruff_and_every_test_in_one_thread_without_a_progress_bar(course, runner, capsys):
    assert course.main(["test"]) == 0
    tools = [command.removeprefix(f"{course.PYTHON} -m ") for command in runner.commands[-3:]]
    assert tools == ["ruff check", "ruff format --check", "pytest -n 2 --dist loadfile"]
    assert runner.extras[-3:] == [{"OMP_NUM_THREADS": "1", "COURSE_PROGRESS": "off"}] * 3
    assert "ruff check passed, ruff format passed, pytest passed" in capsys.readouterr().out.splitlines()[-1]


def test_test_fast_leaves_out_the_notebooks(course, runner):
    course.main(["test", "--fast"])
    assert runner.commands[-1].endswith("loadfile tests")


@pytest.mark.parametrize("tool", ["ruff check", "ruff format", "pytest"])
def test_one_failing_tool_fails_the_test_and_stops_no_other(course, runner, capsys, tool):
    course.ready(here=False)
    runner.failures[f"-m {tool}"] = ""
    assert course.main(["test"]) == 1
    assert f"{tool} FAILED" in capsys.readouterr().out.splitlines()[-1]
    assert runner.commands[-1].endswith("loadfile")


def test_data_and_render_pass_their_words_on(course, runner):
    course.main(["data", "prepare", "glyphs", "--force"])
    assert runner.commands[-1].endswith("-m data_scripts prepare glyphs --force")
    course.main(["render", "01", "--handout", "--here-not"])
    assert runner.commands[-1].endswith(f"{course.LESSONS / 'render.py'} 01 --handout --here-not")


def test_bench_runs_each_name_with_the_options(course, runner):
    for name in ("loop", "results", "_shared"):
        (course.ROOT / "benchmarks" / f"{name}.py").touch()
    runner.failures["loop.py"] = "slow"
    assert course.main(["bench", "loop", "results", "--rounds", "3"]) == 1
    scripts = [course.ROOT / "benchmarks" / f"{name}.py" for name in ("loop", "results")]
    assert runner.commands[-2:] == [f"{course.PYTHON} {script} --rounds 3" for script in scripts]


def test_bench_helps_with_its_names_and_runs_nothing(course, runner, capsys):
    (course.ROOT / "benchmarks" / "loop.py").touch()
    assert course.main(["bench", "--help"]) == 0
    assert "NAME: loop" in capsys.readouterr().out and runner.commands == []


@pytest.mark.parametrize("words", [["bench"], ["bench", "lop"], ["bench", "_shared"]])
def test_bench_without_a_known_name_lists_the_names(course, runner, capsys, words):
    for name in ("loop", "results", "_shared"):
        (course.ROOT / "benchmarks" / f"{name}.py").touch()
    assert course.main(words) == 1
    assert "choose from loop, results." in capsys.readouterr().err
    assert runner.commands == []


@pytest.mark.parametrize("words", [[], ["tset"], ["lab", "--browser"], ["test", "fast"], ["reset"]])
def test_a_word_that_is_not_known_is_refused(course, runner, words):
    with pytest.raises(SystemExit) as refusal:
        course.main(words)
    assert refusal.value.code == 2
    assert runner.commands == []


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process cannot be replaced")
def test_the_server_takes_the_place_of_course_py(course, monkeypatch):
    seen = []
    monkeypatch.setattr(course.os, "execve", lambda *call: seen.append(call) or (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        course.become([course.PYTHON, "-m", "jupyterlab"])
    ((program, words, variables),) = seen
    assert (program, words[2]) == (str(course.PYTHON), "jupyterlab")
    assert variables["JUPYTER_PREFER_ENV_PATH"] == "1"
