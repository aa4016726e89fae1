"""pyproject.toml -> requirements.lock -> environment.yml, and the promises of course.py's own source."""

import ast
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from tests.front_door.conftest import ROOT

SOURCE = (ROOT / "course.py").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRIES = re.split(r"\n(?=[a-zA-Z0-9])", LOCK)


def test_environment_yml_is_what_the_lock_gives(course):
    """If it differs: `python3 course.py lock`."""
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == course.environment_yml()


def test_another_lock_gives_another_environment_yml(course):
    before = course.environment_yml()
    course.LOCK.write_text(LOCK.replace("torch==2", "torch==3"))
    assert course.environment_yml() != before


def test_every_package_of_the_lock_is_pinned_and_hashed():
    assert len(ENTRIES) > 100
    for entry in ENTRIES:
        requirement = Requirement(entry.splitlines()[0].removesuffix("\\"))
        assert [pin.operator for pin in requirement.specifier] == ["=="], requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), requirement


def test_the_lock_names_no_address():
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_the_lock_lies_in_every_range_of_pyproject(course):
    pins = course.locked()
    outside = {name: allowed for name, allowed in course.wanted().items() if not course.satisfies(pins[name], allowed)}
    assert not outside


def test_lock_resolves_for_every_platform_and_writes_both_files(course, runner):
    course.ready(here=False)
    assert course.main(["lock", "--upgrade"]) == 0
    words = runner.commands[-1].split()
    assert {"compile", "--universal", "--generate-hashes", "--no-emit-index-url", "--upgrade"} <= set(words)
    assert words[words.index("--python-version") + 1] == "3.11"
    assert (course.ROOT / "environment.yml").read_text() == course.environment_yml()


def test_a_lock_that_cannot_be_resolved_changes_nothing(course, runner, capsys):
    course.ready(here=False)
    runner.failures["pip compile"] = "no solution"
    assert course.main(["lock"]) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert not (course.ROOT / "environment.yml").exists()


def test_course_py_has_the_grammar_of_python_3_8():
    ast.parse(SOURCE, feature_version=(3, 8))
    with pytest.raises(SyntaxError):
        ast.parse("match x:\n    case 1: pass\n", feature_version=(3, 8))


def test_course_py_imports_the_standard_library_only():
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    assert "json" in names


def test_an_older_python_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        exec(compile(SOURCE, "course.py", "exec"), {"__name__": "course", "__file__": str(ROOT / "course.py")})


def test_what_course_py_writes_is_ignored_by_git():
    written = [".venv/x", ".course/x", "my-course/00_start.ipynb"]
    asked = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode == 128:
        pytest.skip("this copy is not under git")
    assert asked.stdout.split() == written


def test_ci_runs_the_command_of_the_readme():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == 'exec python3 course.py test "$@"'
