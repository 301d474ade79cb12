"""The news of Reuters: counts that are recovered, and TF-IDF, against computations by hand."""

import math
import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy import sparse
from scipy.io import savemat

from desom import datasets
from desom.datasets import reuters
from desom.errors import InputError
from helpers import refusal, slow_tfidf, write_rcv1

DESOM_DATA = os.environ.get("DESOM_DATA")
SIZES = {"n_train": 120, "n_documents": 50, "n_terms": 25}
N_TRAIN = SIZES["n_train"]
N, V = 420, 40
TOPICS = np.array(["C15", "CCAT", "E12", "ECAT", "GCAT", "GSPO", "M11", "MCAT"], dtype=object)


def lyrl2004(counts, n_train=N_TRAIN):
    """Form the vectors of LYRL2004: (1 + ln n) ln(N / df), then norm one.

    A term that no training document contains has the weight that one such document would give it.
    """
    df = np.maximum((counts[:n_train] > 0).sum(axis=0), 1)
    weights = np.log(n_train / df) * (1 + np.log(np.maximum(counts, 1))) * (counts > 0)
    return sparse.csr_array(weights / np.linalg.norm(weights, axis=1, keepdims=True))


@pytest.fixture
def counts():
    """How often each term occurs, which is once for at least one term of every document."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.pareto(1.5, (N, V)) * np.geomspace(0.8, 0.05, V))
    counts[np.arange(N), rng.integers(V, size=N)] = 1
    return counts


@pytest.fixture
def target():
    """Topics in fetch_rcv1's format: most documents have one root, some have none, or several."""
    rng = np.random.default_rng(1)
    target = (rng.random((N, len(TOPICS))) < 0.3).astype(np.uint8)
    columns = [1, 4, 7, 3]  # CCAT, GCAT, MCAT, ECAT
    one = rng.random(N) < 0.8
    target[np.ix_(one, columns)] = np.eye(4, dtype=np.uint8)[rng.integers(4, size=one.sum())]
    return sparse.csr_array(target)


def kept_documents(target):
    """Give row and class of the documents with one root, the test documents first."""
    roots = {"CCAT": 0, "GCAT": 1, "MCAT": 2, "ECAT": 3}
    kept = []
    for row in [*range(N_TRAIN, N), *range(N_TRAIN)]:
        found = [
            roots[topic]
            for topic, has in zip(TOPICS, target[[row]].toarray()[0], strict=True)
            if has and topic in roots
        ]
        if len(found) == 1:
            kept.append((row, found[0]))
    return kept


def expected_reuters10k(counts, target):
    rows, classes = np.array(kept_documents(target)).T
    drawn = np.random.RandomState(1234).permutation(len(rows))[: SIZES["n_documents"]]
    return slow_tfidf(counts[rows].tolist(), SIZES["n_terms"])[drawn], classes[drawn]


# TF-IDF


def test_of_equally_frequent_terms_the_first_are_kept_in_their_order():
    counts = sparse.csr_array([[1, 0, 3, 1, 0], [1, 2, 0, 0, 2]])
    x = reuters.tfidf_top_terms(counts, n_terms=3).toarray()
    np.testing.assert_allclose(x, reuters.tfidf_top_terms(counts[:, [0, 1, 2]]).toarray())
    x = reuters.tfidf_top_terms(counts, n_terms=4).toarray()
    np.testing.assert_allclose(x, reuters.tfidf_top_terms(counts[:, [0, 1, 2, 4]]).toarray())


def test_fewer_terms_than_asked_for():
    x = reuters.tfidf_top_terms(sparse.csr_array([[1, 0], [1, 2]]), n_terms=9).toarray()
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), math.sqrt(2))


def test_document_with_none_of_the_terms_is_zero():
    x = reuters.tfidf_top_terms(sparse.csr_array([[5, 0], [0, 1]]), n_terms=1).toarray()
    assert x.tolist() == [[1], [0]]


# Reuters-21578


def cai(path, counts, topics):
    """Write a small file like Cai's."""
    savemat(path, {"fea": sparse.csc_array(counts, dtype=float), "gnd": topics[:, None]})
    return path


def test_reuters21578_keeps_the_four_largest_topics(counts, tmp_path):
    topics = np.repeat(range(1, 7), (200, 100, 50, 30, 25, 15))
    x, y = reuters.read_reuters21578(cai(tmp_path / "cai.mat", counts, topics))
    np.testing.assert_allclose(x, slow_tfidf(counts[:380].tolist(), V), rtol=1e-6)
    np.testing.assert_array_equal(y, topics[:380] - 1)
    assert x.dtype == np.float32 and x.flags.c_contiguous and y.dtype == np.int64


def test_reuters21578_in_any_order_of_documents(counts, tmp_path):
    topics = np.random.default_rng(0).permutation(np.repeat([1, 2, 3], N // 3))
    path = cai(tmp_path / "cai.mat", counts, topics)
    x, y = reuters.read_reuters21578(path, n_topics=2, n_terms=7)
    kept = topics <= 2
    np.testing.assert_allclose(x, slow_tfidf(counts[kept].tolist(), 7), rtol=1e-6)
    np.testing.assert_array_equal(y, topics[kept] - 1)


@pytest.mark.skipif(
    not DESOM_DATA or not Path(DESOM_DATA, "reuters21578", "Reuters21578.mat").is_file(),
    reason="set DESOM_DATA to a folder that holds reuters21578/Reuters21578.mat",
)
def test_real_reuters21578(monkeypatch):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    data = datasets.load("reuters21578")
    assert data.x.shape == (6387, 2000)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert np.bincount(data.y).tolist() == [3713, 2055, 321, 298]
    assert (np.diff(data.y) >= 0).all()
    assert data.x.min() == 0 and data.x.max() < math.sqrt(2000)
    # Every document has some of the terms, and every term is in some of the documents.
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=1), math.sqrt(2000), rtol=1e-5)
    assert data.x.any(axis=0).all()


# RCV1: the steps


def test_roots_are_those_of_the_dec_code():
    assert reuters.ROOTS == ("CCAT", "GCAT", "MCAT", "ECAT")


def test_documents_with_no_root_or_several_are_dropped(target):
    documents, classes = reuters.single_root_documents(target, TOPICS)
    assert list(zip(documents, classes, strict=True)) == sorted(kept_documents(target))
    roots = target.toarray()[:, [1, 3, 4, 7]].sum(axis=1)
    assert {0, 1, 2} <= set(roots)
    assert len(documents) == (roots == 1).sum()


def test_counts_are_recovered_exactly(counts):
    vectors = lyrl2004(counts)
    before = vectors.copy()
    recovered, doubtful = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    np.testing.assert_array_equal(recovered.toarray(), counts)
    assert counts.max() > 50
    assert doubtful.size == 0
    np.testing.assert_array_equal(vectors.toarray(), before.toarray())


def test_large_counts_are_recovered_from_eight_digits(counts):
    counts[7, :5] = 1, 10, 100, 500, 999
    vectors = lyrl2004(counts)
    vectors.data = np.array([float(f"{weight:.8g}") for weight in vectors.data])
    recovered, doubtful = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    np.testing.assert_array_equal(recovered.toarray(), counts)
    assert doubtful.size == 0


def test_document_without_a_term_that_occurs_once_is_doubtful(counts):
    counts[3] = 0
    counts[3, [1, 4, 6]] = 2, 3, 6
    vectors = lyrl2004(counts)
    recovered, doubtful = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    assert doubtful.tolist() == [3]
    assert recovered[[3], :].toarray()[0, [1, 4, 6]].tolist() == [
        round(math.exp((1 + math.log(n)) / (1 + math.log(2)) - 1)) for n in (2, 3, 6)
    ]
    np.testing.assert_array_equal(
        np.delete(recovered.toarray(), 3, axis=0), np.delete(counts, 3, axis=0)
    )


def test_document_whose_terms_occur_equally_often_has_the_right_row(counts):
    counts[3] = 0
    counts[3, [1, 4, 6]] = 3
    vectors = lyrl2004(counts)
    recovered, doubtful = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    assert doubtful.size == 0
    assert recovered[[3], :].toarray()[0, [1, 4, 6]].tolist() == [1, 1, 1]
    np.testing.assert_allclose(
        reuters.tfidf_top_terms(recovered).toarray(), slow_tfidf(counts.tolist(), V)
    )


def test_term_of_no_training_document_is_left_out(counts):
    counts[:N_TRAIN, 2] = 0
    vectors = lyrl2004(counts)
    recovered, _ = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    assert recovered[:, [2]].nnz == 0


def test_document_with_no_term_left(counts):
    counts[:N_TRAIN, 2] = 0
    counts[N_TRAIN] = 0
    counts[N_TRAIN, 2] = 1
    vectors = lyrl2004(counts)
    recovered, _ = reuters.recover_counts(vectors, reuters.training_idf(vectors[:N_TRAIN]))
    assert recovered[[N_TRAIN], :].nnz == 0


def test_draw_is_that_of_dec():
    drawn = reuters.dec_subset(30, 10)
    np.random.seed(1234)  # noqa: NPY002 - as DEC does
    np.testing.assert_array_equal(drawn, np.random.permutation(30)[:10])  # noqa: NPY002
    assert len(reuters.dec_subset(12_000)) == 10_000


# RCV1: the whole


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.filterwarnings("error")
def test_reuters10k_is_that_of_a_slow_computation(counts, target, form):
    x, y = reuters.reuters10k_from_rcv1(form(lyrl2004(counts)), form(target), TOPICS, **SIZES)
    expected_x, expected_y = expected_reuters10k(counts, target)
    np.testing.assert_allclose(x, expected_x, rtol=1e-6)
    np.testing.assert_array_equal(y, expected_y)
    assert x.dtype == np.float32 and x.flags.c_contiguous and x.shape == (50, 25)
    assert y.dtype == np.int64 and set(y) == {0, 1, 2, 3}


def test_one_warning_says_what_could_not_be_recovered(counts, target):
    kept = [row for row, _ in kept_documents(target)]
    counts[:N_TRAIN, 2] = 0
    counts[kept[0]] = 0
    counts[kept[0], [1, 4, 6]] = 2, 3, 6
    lost = (counts[kept, 2] > 0).sum()
    assert kept[0] >= N_TRAIN and lost > 0
    # A document whose only term that occurs once is left out would be doubtful too.
    counts[kept[1:], 1] = 1
    with pytest.warns(UserWarning) as warned:
        x, y = reuters.reuters10k_from_rcv1(lyrl2004(counts), target, TOPICS, **SIZES)
    assert len(warned) == 1
    message = str(warned[0].message)
    assert f"{lost} of {(counts[kept] > 0).sum()} weights are left out" in message
    assert f"counts of 1 of {len(kept)} documents are rounded" in message
    assert x.shape == (50, 25) and np.isfinite(x).all()
    np.testing.assert_array_equal(y, expected_reuters10k(counts, target)[1])


def test_other_vectors_than_those_of_lyrl2004(counts, target):
    vectors = lyrl2004(counts)
    vectors.data **= 1.1
    with pytest.raises(InputError, match=r"not the vectors of RCV1: \d+ of \d+ documents") as error:
        reuters.reuters10k_from_rcv1(vectors, target, TOPICS, **SIZES)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


# RCV1: scikit-learn's files


@pytest.mark.parametrize("place", ["cache", "DESOM_DATA"])
def test_reuters10k_from_the_files_of_scikit_learn(
    place, monkeypatch, capsys, tmp_path, user_cache, counts, target
):
    n_train = 23_149
    rows = np.arange(n_train + 2000) % N
    counts, target = counts[rows], target[rows]
    vectors = lyrl2004(counts, n_train)
    folder = user_cache / "RCV1"
    if place == "DESOM_DATA":
        monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
        folder = tmp_path / "data" / "RCV1"
    write_rcv1(folder, vectors, target, TOPICS)
    data = datasets.load("reuters10k")
    x, y = reuters.reuters10k_from_rcv1(vectors, target, TOPICS)
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, y)
    assert x.shape == (10_000, V)
    assert data.name == "reuters10k"
    assert (data.image_shape, data.class_names) == datasets.describe("reuters10k")
    assert data.image_shape is None
    assert [name[0] for name in data.class_names] == [root[0] for root in reuters.ROOTS]
    assert str(folder) in capsys.readouterr().err
    assert user_cache.exists() == (place == "cache")


@pytest.mark.parametrize("interrupted_at", [None, 0, 500])
@pytest.mark.filterwarnings("ignore:Retry downloading")
def test_reuters10k_without_network_says_what_to_do(user_cache, interrupted_at):
    folder = user_cache / "RCV1"
    if interrupted_at is not None:
        folder.mkdir(parents=True)
        joblib.dump(np.random.default_rng(0).random(N), folder / "samples_py3.pkl", compress=9)
        os.truncate(folder / "samples_py3.pkl", interrupted_at)
        joblib.dump(np.arange(N), folder / "sample_id_py3.pkl")
    message = refusal(datasets.load, "reuters10k")
    assert f"neither read from {folder} nor download" in message
    assert "run again with a network" in message
