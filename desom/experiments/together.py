"""Several seeds trained as one batch of models, on JAX."""

from contextlib import ExitStack
from itertools import pairwise

import keras
import numpy as np
from tqdm import tqdm

from desom.checks import origin_of
from desom.desom import DESOM
from desom.engine.backends import jax_loop, jax_state, set_jax_state, usual_precision
from desom.engine.loop import add_point, curve_points, shuffled_batches
from desom.errors import InputError
from desom.estimator import restored_on_failure
from desom.som import Kerasom


def fit_together(estimators, X):
    """Fit estimators that differ in their seed alone, as one batch of models, on JAX.

    Every array of the training gets one more axis, over the models, and one program is compiled for
    all of them. Each estimator ends as if fitted alone, up to rounding. On a CPU this is faster for
    small models alone, such as `Kerasom` on images; `benchmarks/ensemble.py` measures it.

    Parameters
    ----------
    estimators : list of DESOM or list of Kerasom
        Estimators of one class whose parameters are the same but for ``random_state``; they are
        returned. A first phase, if they have one, trains one after the other.
    X : array-like of shape (n_samples, n_features)
        As for ``fit``. A loss that is not finite ends the training of all.
    """
    if keras.backend.backend() != "jax":
        raise InputError(
            f"fit_together trains on JAX and the backend is {keras.backend.backend()}; start "
            "Python with KERAS_BACKEND=jax, or fit the estimators one after the other."
        )
    _check_alike(estimators)
    with ExitStack() as stack:
        for estimator in estimators:
            stack.enter_context(restored_on_failure(estimator))
        stack.enter_context(usual_precision())
        for estimator in estimators:
            checked = estimator._check_training_set(X)
        if isinstance(estimators[0], Kerasom) and origin_of(checked) is not None:
            raise InputError(
                "X lies far from zero beside its spread, where single precision loses the digits "
                "of its distances; subtract the mean of each column."
            )
        return _fit(estimators, checked)


def _fit(estimators, X):
    first = estimators[0]
    rngs = [estimator._start(X) for estimator in estimators]
    for estimator, rng in zip(estimators, rngs, strict=True):
        estimator._place_prototypes(X, rng)
        estimator.model_.compile(optimizer=estimator._optimizer())
        estimator.history_ = {"iteration": []}

    size = min(first.batch_size, len(X))
    batches = zip(*(shuffled_batches(len(X), size, rng) for rng in rngs), strict=True)
    points = curve_points(first.iterations)
    indices = np.zeros((points[0], len(estimators), size), dtype=np.int32)
    run_steps = compile_steps_together([estimator.model_ for estimator in estimators], X)
    with tqdm(total=first.iterations, disable=not first.verbose, unit="it") as progress:
        for start, stop in pairwise([0, *points.tolist()]):
            for row in range(stop - start):
                indices[row] = next(batches)
            sound = run_steps(indices, stop - start)
            for estimator in estimators:
                add_point(estimator.history_, stop, estimator.model_)
            if sound < stop - start:
                _refuse(estimators, start + sound + 1)
            progress.update(stop - start)
    return [estimator._finish(X) for estimator in estimators]


def _check_alike(estimators):
    if not estimators or not all(isinstance(e, Kerasom | DESOM) for e in estimators):
        raise InputError(
            f"estimators is {estimators!r}; it takes a list of at least one Kerasom or DESOM."
        )
    for other in estimators[1:]:
        if _all_but_seed(other) != _all_but_seed(estimators[0]):
            raise InputError(
                f"estimators holds {estimators[0]!r} and {other!r}; it takes those that differ "
                "in random_state alone."
            )


def _all_but_seed(estimator):
    return type(estimator), estimator.get_params() | {"random_state": None}


def _refuse(estimators, iteration):
    seeds = [e.random_state for e in estimators if not np.isfinite(e.history_["loss"][-1])]
    raise FloatingPointError(
        f"the loss is not finite at iteration {iteration} with random_state "
        f"{', '.join(map(str, seeds))}: try a smaller learning_rate, or scale X to [0, 1]."
    )


def compile_steps_together(models, x):
    """Compile the training step of several models of one architecture as that of one.

    Gives ``run(indices, steps)``, which trains on the first ``steps`` rows of ``indices``, int32 of
    shape (at least steps, number of models, batch size). It ends after a step in which the loss of
    a model is not finite, and returns the number of steps before that one.
    """
    import jax

    loop = jax_loop(jax.vmap(models[0].train_step))

    @jax.jit
    def run(states, data, indices, steps):
        together = jax.tree.map(lambda *values: jax.numpy.stack(values), *states)
        sound, together = loop(together, data, indices, steps)
        return sound, [jax.tree.map(lambda a, i=i: a[i], together) for i in range(len(states))]

    data = (jax.numpy.asarray(x),)
    for model in models:
        model.optimizer.build(model.trainable_variables)

    def run_steps(indices, steps):
        sound, states = run([jax_state(model) for model in models], data, indices, steps)
        for model, state in zip(models, states, strict=True):
            set_jax_state(model, state)
        return int(sound)

    return run_steps
