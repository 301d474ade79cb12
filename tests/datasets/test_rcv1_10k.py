"""RCV1-10k: documents found among strangers, and their counts recovered."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from desom import datasets
from desom.datasets import rcv1_10k, reuters
from desom.errors import InputError
from helpers import slow_tfidf, write_rcv1

DESOM_DATA = os.environ.get("DESOM_DATA")
N, V = 600, 50
N_TRAIN = 1000


@pytest.fixture
def corpus():
    """Counts, the classes, and in how many training documents each term is."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.pareto(1.5, (N, V)) * np.geomspace(0.8, 0.05, V)).clip(max=60)
    counts[np.arange(N), rng.integers(V, size=N)] = 1
    return counts, rng.integers(4, size=N), rng.integers(1, N_TRAIN // 2, V).astype(np.uint16)


def weighted(counts, df, decimals):
    """Form the vectors of LYRL2004, with so many decimals."""
    weights = np.log(N_TRAIN / df) * (1 + np.log(np.maximum(counts, 1))) * (counts > 0)
    vectors = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    return sparse.csr_array(vectors.round(decimals))


@pytest.mark.parametrize("decimals", [6, 15])
def test_counts_of_a_synthetic_corpus_are_recovered_exactly(decimals, corpus):
    counts, _, df = corpus
    x = rcv1_10k.prepare(weighted(counts, df, decimals), df, N_TRAIN, n_terms=20)
    np.testing.assert_allclose(x, slow_tfidf(counts.tolist(), 20), rtol=1e-6)
    assert x.dtype == np.float32 and x.shape == (N, 20)
    # A count that was off by one would show.
    counts[0, np.flatnonzero(counts[0] > 1)[0]] += 1
    assert not np.allclose(x, slow_tfidf(counts.tolist(), 20), rtol=1e-6)


def test_documents_are_found_among_strangers(corpus):
    counts, classes, df = corpus
    chosen = np.random.default_rng(1).permutation(N)[:200]
    wanted = rcv1_10k.fingerprints(weighted(counts[chosen], df, 6), classes[chosen])

    # Strangers: the same terms at other counts, the same document in another class.
    other, moved = counts[chosen], (classes[chosen] + 1) % 4
    other[np.arange(200), other.argmax(axis=1)] += 2
    everybody = np.concatenate([counts[chosen], other, counts])
    vectors = weighted(everybody, df, 15)
    order = np.random.default_rng(2).permutation(len(everybody))
    theirs = np.concatenate([moved, classes[chosen], classes])[order]
    rows = rcv1_10k.pick(vectors[order], theirs, wanted)
    np.testing.assert_array_equal(everybody[order[rows]], counts[chosen])
    np.testing.assert_array_equal(theirs[rows], classes[chosen])


def test_documents_that_are_missing_are_counted(corpus):
    counts, classes, df = corpus
    vectors = weighted(counts, df, 6)
    wanted = rcv1_10k.fingerprints(vectors, classes)
    with pytest.raises(InputError, match=r"^3 of 600 documents are not among those of this RCV1"):
        rcv1_10k.pick(vectors[3:], classes[3:], wanted)


def test_a_sketch_near_the_end_of_its_range_is_near_its_beginning():
    vectors = sparse.csr_array(np.ones((1, V)))
    terms, sketches = rcv1_10k.fingerprints(vectors, np.zeros(1, int))
    for shift in (-9, 9):
        near = (sketches + np.uint16(shift % 2**16)).astype(np.uint16)
        assert rcv1_10k.pick(vectors, np.zeros(1, int), (terms, near)).tolist() == [0]
    with pytest.raises(InputError):
        rcv1_10k.pick(vectors, np.zeros(1, int), (terms, sketches + np.uint16(2**15)))


# The real vectors

HAS_VECTORS = DESOM_DATA and Path(DESOM_DATA, "rcv1", "rcv1_single_root.npz").is_file()
real = pytest.mark.skipif(
    not HAS_VECTORS, reason="set DESOM_DATA to a folder that holds rcv1/rcv1_single_root.npz"
)


# The topics, in the order of the file; those above a topic are its beginnings, and a root.
TOPICS = """
    C11 C12 C13 C14 C15 C151 C1511 C152 C16 C17 C171 C172 C173 C174 C18 C181 C182 C183 C21 C22 C23
    C24 C31 C311 C312 C313 C32 C33 C331 C34 C41 C411 C42 CCAT E11 E12 E121 E13 E131 E132 E14 E141
    E142 E143 E21 E211 E212 E31 E311 E312 E313 E41 E411 E51 E511 E512 E513 E61 E71 ECAT G15 G151
    G152 G153 G154 G155 G156 G157 G158 G159 GCAT GCRIM GDEF GDIP GDIS GENT GENV GFAS GHEA GJOB GMIL
    GOBIT GODD GPOL GPRO GREL GSCI GSPO GTOUR GVIO GVOTE GWEA GWELF M11 M12 M13 M131 M132 M14 M141
    M142
"""


@real
def test_the_topics_are_a_tree_and_slipped_ones_break_it():
    topics = TOPICS.split()
    with np.load(Path(DESOM_DATA, "rcv1", "rcv1_single_root.npz")) as file:
        labels = np.unpackbits(file["topics"], axis=1)[:, : len(topics)].astype(bool)
    above = {topic: [topic[:-1], f"{topic[0]}CAT"] for topic in topics if not topic.endswith("CAT")}
    pairs = [(t, next((a for a in names if a in topics), None)) for t, names in above.items()]
    child, parent = zip(*[(topics.index(t), topics.index(a)) for t, a in pairs if a], strict=True)

    def violations(labels):
        return np.any(labels[:, child] & ~labels[:, parent], axis=1).mean()

    assert violations(labels) == 0
    for slip in (1, 11, 12, 14, 24):
        slipped = np.pad(labels[:, slip:], [(0, 0), (0, slip)])
        assert violations(slipped) > 0.9


@real
def test_real_rcv1_10k(monkeypatch):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    data = datasets.load("rcv1_10k")
    assert data.x.shape == (10_000, 2000) and data.x.dtype == np.float32
    assert np.bincount(data.y).tolist() == [4095, 2180, 2852, 873]
    np.testing.assert_allclose(np.linalg.norm(data.x, axis=1), math.sqrt(2000), rtol=1e-5)
    assert (data.image_shape, data.class_names) == datasets.describe("reuters10k")
    assert np.count_nonzero(data.x) == 595_891


@real
def test_real_counts_are_whole(monkeypatch):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    vectors, _ = rcv1_10k.read_vectors()
    vectors = vectors[reuters.dec_subset(vectors.shape[0])]
    df = np.load(Path(rcv1_10k.__file__).with_name("rcv1_10k.npz"))["df"]
    with np.errstate(divide="ignore"):
        idf = np.log(rcv1_10k.N_TRAIN / df)
    ratios = vectors.data / idf[vectors.indices]
    once = np.minimum.reduceat(ratios, vectors.indptr[:-1])
    exact = np.exp(ratios / np.repeat(once, np.diff(vectors.indptr)) - 1)
    # With one wrong df, a term would be between whole numbers.
    assert np.mean(np.abs(exact - np.rint(exact)) > 0.05) < 0.002
    assert exact.max() < 500


@real
def test_real_documents_are_found_in_the_files_of_scikit_learn(monkeypatch, tmp_path):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    expected = datasets.load("rcv1_10k")
    vectors, classes = rcv1_10k.read_vectors()
    rng = np.random.default_rng(0)
    # Strangers have the terms of others at other weights, or other terms; some have two roots.
    shaken = vectors.copy()
    shaken.data = shaken.data * rng.uniform(0.8, 1.2, shaken.nnz)
    moved = vectors[:, rng.permutation(vectors.shape[1])]
    everybody = sparse.vstack([shaken, vectors, moved, vectors], format="csr")
    roots = np.eye(4, dtype=np.uint8)[np.tile(classes, 4)]
    roots[-len(classes) :] = 1
    topics = ["CCAT", "ECAT", "GCAT", "MCAT"]
    columns = [reuters.ROOTS.index(topic) for topic in topics]
    order = rng.permutation(everybody.shape[0])
    target = sparse.csr_array(roots[:, columns])[order]
    write_rcv1(tmp_path / "RCV1", everybody[order], target, np.array(topics, dtype=object), 0)

    monkeypatch.setenv("DESOM_DATA", str(tmp_path))
    data = datasets.load("rcv1_10k")
    np.testing.assert_array_equal(data.x, expected.x)
    np.testing.assert_array_equal(data.y, expected.y)
