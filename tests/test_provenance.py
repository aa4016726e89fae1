"""A result depends on the code that it can reach, and on nothing else."""

from __future__ import annotations

import sys

import pytest

from course_utils import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules whose hash is taken after each edit."""
    (tmp_path / "pack").mkdir()
    texts = {
        "__init__": "",
        "low": 'WIDTH, _ = 3, 0\n\ndef helper(x):\n    """Doc."""\n    return x + WIDTH\n\n'
        "def unrelated():\n    return 1\n",
        "high": "from pack import low\nfrom pack.low import helper\n\nclass Method:\n    def loss(self):\n"
        "        return helper(1)\n\ndef by_module():\n    return low.helper(2)\n",
    }
    monkeypatch.setattr(provenance, "PACKAGES", ("pack",))
    monkeypatch.syspath_prepend(str(tmp_path))

    def hash_of(name: str, *but: str, **edits: tuple[str, str]) -> str:
        for module, text in texts.items():
            old, new = edits.get(module, ("", ""))
            (tmp_path / "pack" / f"{module}.py").write_text(text.replace(old, new, 1) if old else text)
        forget()
        root, *ends = (
            type(name, (), {"__module__": f"pack.{module}", "__qualname__": name})
            for module, name in [("high", name), *(("low", end) for end in but)]
        )
        return provenance.code_hash(root, but=tuple(ends))

    yield hash_of
    sys.modules.pop("pack", None)
    forget()


def forget() -> None:
    for cached in (provenance.code_hash, provenance._read, provenance._file):
        cached.cache_clear()


@pytest.mark.parametrize("root", ["Method", "by_module"])
@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("x + WIDTH", "x - WIDTH", True),
        ("WIDTH, _ = 3", "WIDTH, _ = 4", True),
        ("Doc.", "Another doc.", False),
        ("return 1", "return 2", False),
        ("def unrelated", "# a comment\ndef unrelated", False),
    ],
)
def test_only_reachable_code_changes_the_hash(package, root: str, old: str, new: str, changes: bool) -> None:
    before = package(root)
    assert (package(root, low=(old, new)) != before) is changes


def test_the_root_itself_counts(package) -> None:
    assert package("Method", high=("helper(1)", "helper(5)")) != package("Method")
    assert package("by_module", high=("helper(1)", "helper(5)")) == package("by_module")


def test_what_is_left_out_counts_no_more_nor_what_only_it_reaches(package) -> None:
    for edit in (("x + WIDTH", "x - WIDTH"), ("WIDTH, _ = 3", "WIDTH, _ = 4")):
        assert package("Method", "helper", low=edit) == package("Method", "helper")
        assert package("Method", "unrelated", low=edit) != package("Method", "unrelated")
