"""The map of docs/architecture.md as tests: arrows one way, no circles, sizes, no junk drawer."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "course_utils"
MODULES = {
    ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in PACKAGE.rglob("*.py")
}

# Lower number, lower floor: a module imports from its own floor or from below.
FLOORS = {
    "course_utils.errors": 0,
    "course_utils.progress": 0,
    "course_utils.provenance": 0,
    "course_utils.data": 1,
    "course_utils.losses": 2,
    "course_utils.nets": 2,
    "course_utils.inference": 3,
    "course_utils.extract": 4,
    "course_utils.model": 4,
    "course_utils.tasks": 3,
    "course_utils.adapters": 4,
    "course_utils.evaluation": 3,
    "course_utils.asked": 5,
    "course_utils.run": 5,
    "course_utils.test_time": 6,
    "course_utils.training": 6,
    "course_utils.compare": 7,
    "course_utils.coverage": 7,
    "course_utils.every_pixel": 7,
    "course_utils.few_labels": 7,
    "course_utils.frozen": 7,
    "course_utils.shared_trunk": 7,
    "course_utils.plots": 8,
    "course_utils.exercise": 8,
    "course_utils.faults": 8,
    "course_utils.toy": 9,
    "course_utils.explore": 9,
    "course_utils.lab": 9,
    "course_utils": 10,
}


def floor(module: str) -> int:
    while module not in FLOORS:
        assert "." in module, f"{module} has no floor: put it on the map"
        module = module.rpartition(".")[0]
    return FLOORS[module]


def imports(path: Path) -> set[str]:
    """Modules of this package that a file imports, also for a type checker alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


@pytest.mark.parametrize("module", sorted(m for m in MODULES if m != "course_utils"))
def test_nothing_imports_upward(module: str) -> None:
    upward = [other for other in imports(MODULES[module]) if floor(other) > floor(module)]
    assert not upward, f"{module} imports from above: {upward}"


def test_there_are_no_circles() -> None:
    graph = {m: imports(p) - {m, "course_utils"} for m, p in MODULES.items()}
    for package in ("course_utils.data", "course_utils.nets", "course_utils.adapters", "course_utils.evaluation"):
        graph.pop(package, None)  # a package's front re-exports what lies in it
    graph = {m: {o for o in others if o in graph} for m, others in graph.items()}
    assert list(TopologicalSorter(graph).static_order())


def code_lines(path: Path) -> int:
    """Lines that hold code: no blanks, comments or docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docs |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return sum(1 for n, line in lines if line.strip() and not line.strip().startswith("#") and n not in docs)


@pytest.mark.parametrize("path", sorted((PACKAGE / "adapters").glob("*.py")), ids=lambda p: p.stem)
def test_an_adapter_file_has_at_most_120_lines_of_code(path: Path) -> None:
    assert code_lines(path) <= 120, f"{path.name} has {code_lines(path)} lines: split the idea, not the file"


def test_the_loop_has_at_most_300_lines_of_code() -> None:
    assert code_lines(PACKAGE / "training.py") <= 300


def test_the_loop_knows_no_strategy_by_name() -> None:
    from course_utils.adapters import ADAPTERS

    text = (PACKAGE / "training.py").read_text(encoding="utf-8")
    assert not [a.__name__ for a in ADAPTERS if re.search(rf"\b{a.__name__}\b", text)]


def test_there_is_one_training_loop_and_no_junk_drawer() -> None:
    stepping = [m for m, p in MODULES.items() if re.search(r"\.backward\(\)", p.read_text(encoding="utf-8"))]
    assert stepping == ["course_utils.training"]
    assert not [p for p in PACKAGE.rglob("*") if p.stem in ("utils", "helpers", "common", "misc")]


def test_importing_the_package_brings_in_nothing_heavy() -> None:
    heavy = (
        "pandas",
        "sklearn",
        "matplotlib",
        "scipy",
        "timm",
        "cv2",
        "skimage",
        "openTSNE",
        "mlxtend",
        "IPython",
    )
    code = (
        "import sys, torch, torchvision; before = set(sys.modules); import course_utils;"
        f"print([m for m in {heavy} if m in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_lazy_name_that_does_not_exist_says_so() -> None:
    import course_utils as cu

    with pytest.raises(AttributeError, match="Did you mean 'runs'"):
        _ = cu.rums
