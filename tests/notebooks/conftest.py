"""A small lesson with every part, rendered once: it stands in for the real ones where a test breaks one."""

import copy
import shutil
from pathlib import Path

import pytest
import render
from guards import Lesson

SCRIPT = Path(__file__).parent / "src" / "99_coins.py"


@pytest.fixture(scope="session")
def rendered(tmp_path_factory) -> Path:
    """The notebook of the small lesson, in a folder of its own. Not to be changed: see `workshop`."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    (folder / "src").mkdir(parents=True)
    render.render(Path(shutil.copy(SCRIPT, folder / "src")))
    return folder / "99_coins.ipynb"


@pytest.fixture
def workshop(rendered, tmp_path) -> Path:
    """A copy of the folder of the small lesson, to change at will."""
    return Path(shutil.copytree(rendered.parent, tmp_path / "notebooks"))


@pytest.fixture
def lesson(rendered) -> Lesson:
    """The small lesson as the guards read it, to change at will."""
    return copy.deepcopy(Lesson.read(rendered))
