"""Set-up: once, resumable, and one sentence for whatever stops it."""

import errno

import pytest

UV_INSTALLS = "uv pip install"
PIP_INSTALLS = "pip install --retries 2 --timeout 30 --require-hashes"
PIP_FETCHES_UV = "--timeout 30 uv=="


def complaint(course, capsys, words=("test", "--fast")) -> str:
    """Runs a command that must end with exit code 1, and returns the one sentence it leaves on stderr."""
    assert course.main(list(words)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_the_first_start_makes_an_environment_and_lets_uv_install_the_hashed_lock(course, runner):
    course.ready(here=False)
    steps = [" venv --clear", PIP_FETCHES_UV, UV_INSTALLS, "data_scripts prepare"]
    at = [next(i for i, command in enumerate(runner.commands) if step in command) for step in steps]
    assert at == sorted(at)
    assert "--require-hashes" in runner.commands[at[2]]
    assert str(course.LOCK) in runner.commands[at[2]]


def test_a_second_start_runs_nothing(course, runner):
    course.ready(here=False)
    runner.commands.clear()
    assert course.ready(here=False) == course.PYTHON
    assert runner.commands == []


def test_editors_that_use_the_environment_find_the_package(course, runner):
    course.ready(here=False)
    assert (course.VENV / "site-packages" / "course.pth").read_text().strip() == str(course.ROOT)


def test_a_changed_lock_is_installed_into_the_same_environment(course, runner):
    course.ready(here=False)
    runner.commands.clear()
    course.LOCK.write_text(course.LOCK.read_text() + "# newer\n")
    course.ready(here=False)
    assert (runner.count(" venv "), runner.count(UV_INSTALLS)) == (0, 1)


@pytest.mark.parametrize("moment", [" venv ", PIP_FETCHES_UV, UV_INSTALLS, "get_path('purelib')"])
def test_an_interrupted_set_up_is_made_again_by_the_next_run(course, runner, capsys, moment):
    runner.failures[moment] = KeyboardInterrupt()
    assert "goes on from here" in complaint(course, capsys)
    runner.failures.clear()
    runner.commands.clear()
    course.ready(here=False)
    assert (runner.count(" venv --clear"), runner.count(UV_INSTALLS)) == (1, 1)
    assert course.INSTALLED.exists()


def test_a_half_installed_change_of_the_lock_is_made_again(course, runner, capsys):
    course.ready(here=False)
    course.LOCK.write_text(course.LOCK.read_text() + "# newer\n")
    runner.failures[UV_INSTALLS] = KeyboardInterrupt()
    complaint(course, capsys)
    runner.failures.clear()
    runner.commands.clear()
    course.ready(here=False)
    assert runner.count(" venv --clear") == 1


def test_an_environment_of_somebody_else_is_left_alone(course, runner, capsys):
    course.VENV.mkdir()
    (course.VENV / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert "was not made by course.py" in complaint(course, capsys)
    assert runner.commands == []


def test_a_python_without_ensurepip_is_told_what_to_install(course, runner, capsys, monkeypatch):
    monkeypatch.setattr(course, "find_spec", lambda name: None)
    assert "python3-venv" in complaint(course, capsys)
    assert runner.commands == []


def test_too_little_room_is_said_before_anything_is_fetched(course, runner, capsys):
    course.ROOM = 10**9
    assert f"make that {10**9} GB" in complaint(course, capsys)
    assert runner.count(PIP_FETCHES_UV) == 0


@pytest.mark.parametrize(
    ("step", "printed"),
    [
        (" venv ", "Error: [Errno 28] No space left on device"),
        (PIP_FETCHES_UV, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        (UV_INSTALLS, "error: failed to copy file: No space left on device (os error 28)"),
    ],
)
def test_a_disk_that_fills_up_stops_with_one_sentence(course, runner, capsys, step, printed):
    runner.failures[step] = printed
    assert "The disk is full" in complaint(course, capsys)
    assert runner.count(PIP_INSTALLS) == 0
    assert not course.INSTALLED.exists()


def test_a_disk_that_is_full_for_our_own_files_gets_the_same_sentence(course, runner, capsys, monkeypatch):
    def write(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(course, "write", write)
    assert "The disk is full" in complaint(course, capsys)


@pytest.mark.parametrize(
    "printed",
    [
        "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError(...)'",
        "urllib3.exceptions.NameResolutionError: [Errno -3] Temporary failure in name resolution",
        "ReadTimeoutError: Read timed out.",
        "ERROR: Could not fetch URL: There was a problem confirming the ssl certificate",
    ],
)
def test_an_index_out_of_reach_stops_with_one_sentence_and_blocks_nothing(course, runner, capsys, printed):
    runner.failures[PIP_FETCHES_UV] = printed
    assert "index is out of reach" in complaint(course, capsys)
    assert runner.count(PIP_INSTALLS) == 0
    runner.failures.clear()
    course.ready(here=False)
    assert course.INSTALLED.exists()


def test_an_index_lost_on_the_way_is_told_by_the_second_try(course, runner, capsys):
    runner.failures |= {UV_INSTALLS: "error: dns error", PIP_INSTALLS: "Connection refused"}
    assert "index is out of reach" in complaint(course, capsys)


def test_pip_installs_the_hashed_lock_where_uv_cannot_be_had(course, runner):
    runner.failures[PIP_FETCHES_UV] = "ERROR: No matching distribution found for uv"
    course.ready(here=False)
    assert (runner.count(UV_INSTALLS), runner.count(PIP_INSTALLS)) == (0, 1)
    assert course.INSTALLED.exists()


def test_pip_takes_over_where_uv_fails(course, runner):
    runner.failures[UV_INSTALLS] = "error: dns error"
    course.ready(here=False)
    assert (runner.count(UV_INSTALLS), runner.count(PIP_INSTALLS)) == (2, 1)


def test_any_other_failure_quotes_the_reason(course, runner, capsys):
    runner.failures |= {UV_INSTALLS: "x", PIP_INSTALLS: "Collecting a\nERROR: hashes do not match\nSee above"}
    assert "(ERROR: hashes do not match)" in complaint(course, capsys)


def test_images_are_prepared_again_only_when_code_lock_or_store_changed(course, runner, monkeypatch):
    catalog = course.ROOT / "course_utils" / "data" / "catalog.py"
    course.ready(here=False)
    course.ready(here=False)
    assert runner.count("data_scripts prepare") == 1
    catalog.write_text("DOMAINS = {}\n")
    course.ready(here=False)
    assert runner.count("data_scripts prepare") == 2
    monkeypatch.setenv("COURSE_DATA", "elsewhere")
    course.ready(here=False)
    assert runner.count("data_scripts prepare") == 3


def test_images_that_could_not_be_prepared_are_tried_again(course, runner, capsys):
    runner.failures["data_scripts prepare"] = "no"
    assert "could not be prepared" in complaint(course, capsys)
    runner.failures.clear()
    course.ready(here=False)
    assert runner.count("data_scripts prepare") == 2


def test_files_are_written_whole_or_not_at_all(course, tmp_path, monkeypatch):
    file = tmp_path / "file"
    course.write(file, "old")
    monkeypatch.setattr(course.Path, "replace", lambda self, target: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        course.write(file, "new and longer")
    assert file.read_text() == "old"
