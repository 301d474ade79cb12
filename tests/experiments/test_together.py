"""Several seeds as one batch of models: each ends as if it had been trained alone."""

import keras
import numpy as np
import pytest

from desom import DESOM, Kerasom
from desom.errors import InputError
from desom.experiments.together import fit_together
from desom.som import SOMModel
from helpers import BOTH, arrays, small

ON_JAX = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="models are trained together on JAX alone"
)
# The second has batches as large as the data, and a first phase.
OF_EACH = {Kerasom: {"batch_size": 16}, DESOM: {"batch_size": 100, "pretrain_iterations": 20}}


@ON_JAX
@BOTH
def test_each_ends_as_if_fitted_alone(cls, blobs):
    # More steps than points, and a last call that is shorter.
    settings = {"iterations": 401, "learning_rate": 0.003}
    settings |= {"t_max": 2.0, "t_min": 0.5} | OF_EACH[cls]
    seeds = (3, 0, 7)
    alone = [small(cls, random_state=seed, **settings).fit(blobs[0]) for seed in seeds]
    estimators = [small(cls, random_state=seed, **settings) for seed in seeds]
    together = fit_together(estimators, blobs[0].astype(float))
    assert all(a is b for a, b in zip(together, estimators, strict=True))
    for one, same in zip(alone, together, strict=True):
        assert one.history_.keys() == same.history_.keys()
        for name, curve in one.history_.items():
            assert same.history_[name] == pytest.approx(curve, rel=1e-3), name
        for a, b in zip(one.model_.get_weights(), same.model_.get_weights(), strict=True):
            assert np.allclose(a, b, atol=1e-3)
        for a, b in zip(
            one.model_.optimizer.variables, same.model_.optimizer.variables, strict=True
        ):
            assert np.allclose(arrays(a), arrays(b), atol=1e-3)
        assert np.allclose(one.cluster_centers_, same.cluster_centers_, atol=1e-3)
        assert np.array_equal(one.labels_, same.labels_)
    first, second = (estimator.cluster_centers_ for estimator in together[:2])
    assert not np.allclose(first, second, atol=0.1)


@ON_JAX
def test_program_is_compiled_once_for_all(blobs, monkeypatch):
    calls, compute_loss = [], SOMModel.compute_loss

    def counted(self, *args, **kwargs):
        calls.append(None)
        return compute_loss(self, *args, **kwargs)

    monkeypatch.setattr(SOMModel, "compute_loss", counted)
    fit_together([small(Kerasom, iterations=401, random_state=seed) for seed in range(4)], blobs[0])
    assert len(calls) == 1


class OneFarAway(Kerasom):
    """With seed 1, the prototypes are too far away to square their distances."""

    def _place_prototypes(self, X, rng):
        super()._place_prototypes(X, rng)
        if self.random_state == 1:
            self.model_.som.prototypes.assign(keras.ops.full((6, 5), 1e30))


@ON_JAX
def test_loss_that_is_not_finite_ends_the_training_of_all(blobs):
    estimators = [small(OneFarAway, random_state=seed) for seed in range(3)]
    before = fit_together([small(Kerasom, random_state=seed) for seed in range(3)], blobs[0])
    for estimator, fitted in zip(estimators, before, strict=True):
        vars(estimator).update(vars(fitted))
    labels = [estimator.labels_ for estimator in estimators]
    with pytest.raises(
        FloatingPointError, match=r"not finite at iteration 1 with random_state 1:"
    ) as error:
        fit_together(estimators, blobs[0])
    assert "\n" not in str(error.value)
    # What was learned before is there again.
    assert all(e.labels_ is old for e, old in zip(estimators, labels, strict=True))


@ON_JAX
@pytest.mark.parametrize(
    ("estimators", "sentence"),
    [
        ([], r"estimators is \[\]; it takes a list of at least one Kerasom or DESOM"),
        ([DESOM, Kerasom], "takes a list of at least one Kerasom or DESOM"),
        ([small(Kerasom), small(DESOM)], "differ in random_state alone"),
        ([small(Kerasom), small(Kerasom, t_max=3.0)], r"t_max=3.0.*differ in random_state alone"),
    ],
)
def test_what_cannot_be_trained_together_is_refused(estimators, sentence, blobs):
    with pytest.raises(InputError, match=sentence):
        fit_together(estimators, blobs[0])


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is the backend that is asked for")
def test_other_backends_are_told_what_to_do(blobs):
    wanted = f"the backend is {keras.backend.backend()}; start Python with KERAS_BACKEND=jax"
    with pytest.raises(InputError, match=wanted):
        fit_together([small(Kerasom)], blobs[0])
