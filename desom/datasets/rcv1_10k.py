"""RCV1-10k: 10,000 documents of RCV1 that are known by their fingerprints.

The package holds two numbers of each document, by which it is found in a file of vectors, and of
each term in how many of the 23,149 training documents it is: without these no count can be
recovered. ``docs/decisions.md`` says how the documents were chosen and these numbers found.
"""

from importlib import resources

import numpy as np
from scipy import sparse

from desom.datasets import published, reuters
from desom.errors import InputError

N_TRAIN = 23_149
# Of a sketch, in 65,536ths: weights of six decimals move it by a few.
_NEAR = 16


def fingerprints(vectors, classes):
    """Give two numbers of every document: of its terms and its class, and of its weights.

    From sparse vectors (N, V) and classes (N,): a uint32, the same where terms and class are, and a
    uint16, which goes around from 65,535 to 0, and is near where the weights are near.
    """
    random = np.random.RandomState(0)
    codes = random.randint(2**32, size=vectors.shape[1]).astype(float)
    weights = random.random_sample(vectors.shape[1])
    # Sums of integers below 2^53 are exact in float64, in whatever order.
    terms = ((vectors != 0) @ codes + classes) % 2**32
    return terms.astype(np.uint32), np.floor(vectors @ weights * 2**16 % 2**16).astype(np.uint16)


def pick(vectors, classes, wanted):
    """Find the rows of documents by their `fingerprints`, of equal ones the first.

    Raises InputError if one is missing.
    """
    terms, sketches = fingerprints(vectors, classes)
    order = np.argsort(terms, kind="stable")
    starts, ends = (np.searchsorted(terms[order], wanted[0], side) for side in ("left", "right"))
    rows = np.full(len(starts), -1)
    for i, sketch in enumerate(wanted[1]):
        candidates = order[starts[i] : ends[i]]
        distances = np.abs((sketches[candidates] - sketch).view(np.int16).astype(int))
        if len(candidates) and distances.min() <= _NEAR:
            rows[i] = candidates[distances.argmin()]
    if (missing := np.sum(rows < 0)) > 0:
        raise InputError(f"{missing} of {len(rows)} documents are not among those of this RCV1.")
    return rows


def prepare(vectors, df, n_train=N_TRAIN, n_terms=2000):
    """Recover the counts of documents, and weigh their terms by `reuters.tfidf_top_terms`.

    From vectors (N, V) to six decimals, and in how many of ``n_train`` training documents each term
    is, (V,), to float32 (N, n_terms).
    """
    vectors = sparse.csr_array(vectors, copy=True)
    vectors.data = np.rint(vectors.data * 1e6) / 1e6
    with np.errstate(divide="ignore"):
        counts, _ = reuters.recover_counts(vectors, np.log(n_train / df))
    return reuters.tfidf_top_terms(counts, n_terms).astype(np.float32).toarray()


def read_vectors():
    """Read vectors, sparse (N, V), and classes (N,) of documents with one root.

    From ``rcv1_single_root.npz`` in a folder ``rcv1``, or from RCV1 as scikit-learn keeps it.
    """
    for folder in published.folders("rcv1"):
        if (folder / "rcv1_single_root.npz").is_file():
            with np.load(folder / "rcv1_single_root.npz", allow_pickle=False) as file:
                parts = file["data"] / 1e6, file["indices"].astype(np.int32), file["indptr"]
                return sparse.csr_array(parts, shape=file["shape"]), file["y"].astype(np.int64)
    rcv1 = published.read_rcv1()
    rows, classes = reuters.single_root_documents(rcv1.target, rcv1.target_names)
    return sparse.csr_array(rcv1.data)[rows], classes


def load():
    """Give x, float32 of shape (10000, 2000), and y, int64 of shape (10000,), in 0..3."""
    with (resources.files(__package__) / "rcv1_10k.npz").open("rb") as file:
        known = dict(np.load(file, allow_pickle=False))
    vectors, classes = read_vectors()
    rows = pick(vectors, classes, (known["terms"], known["sketches"]))
    return prepare(vectors[rows], known["df"]), classes[rows]
