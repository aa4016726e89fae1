"""--here: the environment that runs course.py is approved, completed, and otherwise left alone."""

import pytest


@pytest.fixture
def environment(course, monkeypatch) -> dict[str, str]:
    """What is installed: at first exactly the lock, with the small build of torch."""
    packages = course.locked() | {"torch": "2.15.0+cpu", "torchvision": "0.29.2+cpu"}
    monkeypatch.setattr(course, "present", lambda: packages)
    return packages


def test_a_fitting_environment_is_used_as_it_is(course, runner, environment):
    assert str(course.ready(here=True)) == course.sys.executable
    assert all("data_scripts prepare" in command for command in runner.commands)
    assert not course.VENV.exists()


def test_another_version_inside_the_range_is_welcome(course, runner, environment):
    environment["pandas"] = "2.3.9"
    course.ready(here=True)
    assert runner.count("pip") == 0


@pytest.mark.parametrize(("package", "version"), [("numpy", "1.26.4"), ("torch", "2.14.0+cpu"), ("ipykernel", "8.0")])
def test_a_version_outside_the_range_is_refused_by_name(course, runner, environment, capsys, package, version):
    environment[package] = version
    assert course.main(["lab", "--here"]) == 1
    assert f"{package} {version} (needs " in capsys.readouterr().err
    assert runner.commands == []


def test_what_is_missing_is_added_at_the_locks_version_and_the_rest_is_pinned(course, runner, environment):
    environment["pandas"] = "2.3.9"
    del environment["timm"], environment["nbval"]
    course.ready(here=True)
    (pip,) = [command.split() for command in runner.commands if "pip install" in command]
    assert pip[0] == course.sys.executable
    assert {"timm==1.0.31", "nbval==0.11.0", "pandas==2.3.9", "torch==2.15.0+cpu"} <= set(pip)
    assert not [word for word in pip if word.startswith("nvidia")]


def test_torch_is_never_installed(course, runner, environment, capsys):
    del environment["torch"], environment["timm"]
    assert course.main(["test", "--here"]) == 1
    assert "never installs torch" in capsys.readouterr().err
    assert runner.commands == []


def test_what_could_not_be_added_is_said(course, runner, environment, capsys):
    del environment["timm"]
    runner.failures["pip install"] = "error: externally-managed-environment\n\nhint: see PEP 668"
    assert course.main(["test", "--here"]) == 1
    assert "(error: externally-managed-environment)" in capsys.readouterr().err
