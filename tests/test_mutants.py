"""The tests see every defect of mutants.toml, and the runner that says so would say otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(code, cwd, **variables):
    """A process of its own: the runner forks, and pytest is not to be forked."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "benchmarks")} | variables
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)


def test_every_defect_turns_its_tests_red():
    done = run("import mutants, sys; sys.exit(mutants.main())", ROOT)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


MUTANT = """
[[mutant]]
name = "twice is thrice"
file = "course_utils/numbers.py"
old = "2 * x"
new = "{new}"
red = ["tests/test_numbers.py::{red}"]
"""
TESTS = """
from course_utils.numbers import twice

def test_two(): assert twice(1) == 2
def test_zero(): assert twice(0) == 0
def test_false(): assert twice(1) == 7
"""


@pytest.fixture
def course(tmp_path):
    for name in ("course_utils", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "course_utils" / "__init__.py").touch()
    (tmp_path / "course_utils" / "numbers.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "tests" / "test_numbers.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return tmp_path


def judged(course, new="3 * x", red="test_two"):
    (course / "tests" / "mutants.toml").write_text(MUTANT.format(new=new, red=red))
    code = "import mutants, sys, pathlib; mutants.PRELOADED = (); sys.exit(mutants.main(pathlib.Path.cwd()))"
    done = run(code, course, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")  # the toy course needs no plugin
    return done.returncode, done.stdout + done.stderr


def test_a_defect_that_a_test_sees_is_killed_and_the_course_stays_as_it_was(course):
    code, said = judged(course)
    assert (code, said.splitlines()) == (0, ["killed    twice is thrice", "mutation score: 1 of 1 defects seen"])
    assert "2 * x" in (course / "course_utils" / "numbers.py").read_text()


@pytest.mark.parametrize(("new", "red"), [("3 * x", "test_zero"), ("x + x", "test_two"), ("no python", "test_two")])
def test_a_defect_that_no_test_sees_survives_and_so_does_one_that_cannot_be_imported(course, new, red):
    code, said = judged(course, new, red)
    assert code == 1
    assert f"twice is thrice goes unseen by tests/test_numbers.py::{red}" in said
    assert "mutation score: 0 of 1" in said


@pytest.mark.parametrize(
    ("red", "complaint"),
    [("test_false", "without it, tests/test_numbers.py::test_false is failed"), ("test_gone", "No test was run")],
)
def test_an_entry_whose_test_is_red_or_gone_to_begin_with_is_stale(course, red, complaint):
    code, said = judged(course, red=red)
    assert code == 2
    assert complaint in said


def test_an_entry_whose_code_has_changed_is_stale(course):
    (course / "course_utils" / "numbers.py").write_text("def twice(x):\n    return x * 2\n")
    code, said = judged(course)
    assert code == 2
    assert "'2 * x' stands 0 times in course_utils/numbers.py" in said
