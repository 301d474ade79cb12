"""The list of methods: names to classes and labels."""

import subprocess
import sys

import pytest
from sklearn.base import BaseEstimator

from desom import DESOM
from desom.errors import InputError
from desom.methods import LABELS, METHODS, estimator_class


@pytest.mark.parametrize("name", METHODS)
def test_every_name_has_an_estimator(name):
    assert issubclass(estimator_class(name), BaseEstimator)


def test_no_two_methods_share_a_class_or_a_label():
    assert estimator_class("desom") is DESOM
    assert (
        len({estimator_class(name) for name in METHODS}) == len({*LABELS.values()}) == len(METHODS)
    )


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown method 'desomm': did you mean 'desom'"):
        estimator_class("desomm")


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("desom.methods, desom.report.tables", {"keras", "torch"}),
        ("desom.cli", {"keras", "torch", "sklearn", "skops"}),
    ],
)
def test_what_needs_no_framework_imports_none(modules, heavy):
    code = f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
