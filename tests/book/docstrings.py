"""The public names of the package, read from its files."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules():
    """Give the path of every module of the package by its name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted((ROOT / "desom").rglob("*.py"))
        if path.stem not in ("__init__", "__main__")
    }


def public_names():
    """Give the docstring of every public class and function by its full name."""
    return {
        f"{module}.{node.name}": ast.get_docstring(node)
        for module, path in modules().items()
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
