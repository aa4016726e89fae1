"""Which code a result depends on: the hash of every definition that can be reached from it, docstrings left out."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("course_utils", "benchmarks")


@functools.cache
def code_hash(*roots: Callable | type, but: tuple[Callable | type, ...] = ()) -> str:
    """Twelve hex digits over all definitions of this project that `roots` reach by name, and not through `but`.

    A comment, a docstring or an unrelated function changes nothing; a constant used three calls down does.
    """
    reached: dict[tuple[str, str], str] = {}
    seen = {(end.__module__, end.__qualname__) for end in but}
    waiting = [(root.__module__, root.__qualname__) for root in roots]
    while waiting:
        module, name = place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        definitions, imports = _read(module)
        if name in imports:
            waiting.append(imports[name])
        elif name in definitions:
            node = definitions[name]
            reached[module, name] = ast.dump(node)
            waiting += [(module, n.id) for n in ast.walk(node) if isinstance(n, ast.Name)]
            waiting += [
                (imported[0] + "." + imported[1], n.attr)
                for n in ast.walk(node)
                if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
                if (imported := imports.get(n.value.id)) and _file(imported[0] + "." + imported[1])
            ]
    return hashlib.sha256(repr(sorted(reached.items())).encode()).hexdigest()[:12]


@functools.cache
def _read(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]]]:
    """The top-level definitions of a module, and what its `from` imports bring in from this package."""
    tree = ast.parse(_file(module).read_text(encoding="utf-8"))
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = _without_docstrings(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [
                n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
            definitions |= {name.id: node for name in names}
    imports = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGES)
        for alias in node.names
    }
    return definitions, imports


def _without_docstrings(node: ast.AST) -> ast.AST:
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return node


@functools.cache
def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and module.startswith(PACKAGES) else None
