"""Sphinx extension: the API pages have what a module defines and documents, and nothing else."""


def skip(app, what, name, member, skipped, options):
    """Leave out what a module imports, what is private, and what has no docstring."""
    return member.imported or name.startswith("_") or member.is_undoc_member


def setup(app):
    """Register with Sphinx."""
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
