"""doctor: a table, what to do about each fault, and an exit code."""

from types import SimpleNamespace

import pytest

LISTED = "a  A (1 images, 2 classes, in the store)\nb  B (1 images, 2 classes, built on first use)\n"


@pytest.fixture
def inside(course, runner, monkeypatch) -> dict[str, str]:
    """course.py run by the Python of a complete `.venv`; gives what is installed there."""
    packages = course.locked()
    monkeypatch.setattr(course, "present", lambda: packages)
    monkeypatch.setattr(course.sys, "prefix", str(course.VENV))
    monkeypatch.setattr(course, "memory_gb", lambda: 8.0)
    monkeypatch.setattr(course, "graphics", str)
    course.ready(here=False)
    monkeypatch.setattr(course, "images", list)
    return packages


def test_a_complete_environment_is_in_order(course, inside, capsys):
    assert course.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "!!" not in out
    assert ["ok", "torch", inside["torch"]] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("package", ["torch", "certifi"])
def test_a_package_that_differs_from_the_lock_is_named_and_the_next_start_repairs_it(course, inside, capsys, package):
    expected, inside[package] = inside[package], "0.0.1"
    assert course.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"0.0.1 (lock: {expected})" in out
    assert "course.py lab" in out
    assert not course.INSTALLED.exists()


def test_a_missing_package_is_a_fault(course, inside, capsys):
    del inside["timm"]
    assert course.main(["doctor"]) == 1
    assert "missing (lock: 1.0.31)" in capsys.readouterr().out


def test_a_local_build_of_the_locked_version_is_the_locked_version(course, inside):
    inside["torch"] += "+cpu"
    assert course.main(["doctor"]) == 0


def test_elsewhere_the_range_counts_and_the_lock_is_quoted(course, inside, capsys):
    inside["pandas"] = "2.3.9"
    del inside["certifi"]
    assert course.main(["doctor", "--here"]) == 0
    assert "2.3.9 (lock: " in capsys.readouterr().out
    inside["pandas"] = "2.2.0"
    assert course.main(["doctor", "--here"]) == 1


def test_before_the_set_up_the_machine_is_described_and_the_first_command_named(course, runner, capsys):
    assert course.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "not installed yet" in out
    assert "run `python3 course.py lab`" in out


def test_from_outside_the_python_of_the_environment_looks_at_itself(course, runner):
    course.ready(here=False)
    runner.failures["doctor"] = ""
    assert course.main(["doctor"]) == 1
    assert runner.commands[-1] == f"{course.PYTHON} {course.ROOT / 'course.py'} doctor"


def test_little_memory_and_a_full_disk_say_what_to_do(course, inside, capsys, monkeypatch):
    monkeypatch.setattr(course, "memory_gb", lambda: 2.0)
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e8))
    assert course.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "close other programs" in out
    assert "free some space, 1 GB" in out


def test_the_images_in_the_store_are_counted(course, monkeypatch):
    def images(code: int, printed: str) -> list:
        monkeypatch.setattr(course, "run", lambda *a, **k: SimpleNamespace(returncode=code, stdout=printed))
        return course.images()

    assert images(0, LISTED) == [("images", "1 of 2 domains built", "")]
    assert images(0, LISTED.replace("in the store", "built on first use"))[0][2] == "run `course.py data prepare`"
    assert "data list" in images(1, "no module")[0][2]


def test_the_memory_of_this_machine_is_some_gigabytes(course):
    assert 0.5 < course.memory_gb() < 10_000


def test_a_graphics_card_is_named_as_its_driver_names_it(course, runner, monkeypatch):
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    assert course.graphics() == ""
    monkeypatch.setattr(course.shutil, "which", lambda name: name)
    runner.failures["nvidia-smi"] = "driver not loaded"
    assert course.graphics() == ""
    monkeypatch.setattr(course, "run", lambda *a, **k: SimpleNamespace(returncode=0, stdout="A100, 80 GB\n"))
    assert course.graphics() == "A100, 80 GB"
