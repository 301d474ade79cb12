"""Documents as vectors: how the two data sets of Reuters news are prepared.

Both end as REUTERS-10k of the paper (Xie, Girshick and Farhadi, 2016): the 2,000 most frequent
terms, TF-IDF with a sublinear term frequency, rows of Euclidean norm √2000. Cai's matrix of
Reuters-21578 holds counts; of RCV1 (Lewis, Yang, Rose and Li, 2004; LYRL2004 below) weighted and
normalised vectors are published, from which the counts are recovered.
"""

import warnings

import numpy as np
from scipy import sparse
from scipy.io import loadmat
from sklearn.feature_extraction.text import TfidfTransformer

from desom.errors import InputError

ROOTS = ("CCAT", "GCAT", "MCAT", "ECAT")

# Published weights have some 15 digits, so a count is whole to many digits or is not one.
_WHOLE = 0.01
# Documents without a term that occurs once are exceptions; more of them mean another formula.
_MOST_DOUBTFUL = 0.01


def tfidf_top_terms(counts, n_terms=2000):
    """Weigh the most frequent terms, as DEC prepares REUTERS-10k (Xie et al., 2016).

    With n the count of a term in one of N documents and df the number of documents that have it, a
    weight is (1 + ln n) (ln((1 + N) / (1 + df)) + 1); a row is then scaled to the norm √D.

    From counts, sparse (N, V), to a sparse array of float64 (N, D), where D is ``n_terms``, or V if
    that is less; of equally frequent terms, the first columns are kept, in their order.
    """
    totals = counts.sum(axis=0)
    top = np.sort(np.argsort(-totals, kind="stable")[:n_terms])
    tfidf = TfidfTransformer(norm="l2", sublinear_tf=True).fit_transform(counts[:, top])
    return tfidf * np.sqrt(len(top))


def read_reuters21578(path, n_topics=4, n_terms=2000):
    """Prepare the documents of the largest topics of Cai's Reuters-21578 matrix.

    A MATLAB file: ``fea``, sparse (N, V), has the counts, ``gnd`` the topic of each document, from
    1, the largest, on. Gives x, float32 (M, D), see `tfidf_top_terms`, and y, int64, from 0 on.
    """
    matrix = loadmat(path)
    topics = matrix["gnd"].ravel().astype(np.int64)
    kept = np.flatnonzero(topics <= n_topics)
    x = tfidf_top_terms(sparse.csr_array(matrix["fea"])[kept], n_terms)
    return x.astype(np.float32).toarray(), topics[kept] - 1


def single_root_documents(target, target_names):
    """Find the documents that belong to exactly one of the four `ROOTS` of the topics of RCV1.

    From ``target``, sparse (N, T), which topics each document has, to the rows with one root, in
    order, and the place of that root in `ROOTS`, both of shape (M,).
    """
    columns = [list(target_names).index(root) for root in ROOTS]
    roots = sparse.csr_array(target)[:, columns].toarray()
    documents = np.flatnonzero(roots.sum(axis=1) == 1)
    return documents, roots[documents].argmax(axis=1).astype(np.int64)


def training_idf(train):
    """Inverse document frequencies of LYRL2004: ln(N / df) over training documents, sparse (N, V).

    An ndarray of float64 (V,), infinite for a term that no training document contains.
    """
    df = (train != 0).sum(axis=0)
    with np.errstate(divide="ignore"):
        return np.log(train.shape[0] / df)


def recover_counts(vectors, idf):
    """Undo the weights of LYRL2004: from normalised vectors to how often a term occurs.

    A published weight is v = (1 + ln n) idf / ‖d‖, with ‖d‖ the norm that the document had. A term
    that occurs once shows 1 / ‖d‖: as 1 + ln n ≥ 1, that is the minimum m of v / idf over the
    document. So n = exp(v / (m idf) - 1).

    In a document whose rarest term occurs more than once, these counts are too small and not whole,
    unless all its terms occur equally often: then they are ones, and `tfidf_top_terms` has the same
    row. From vectors, sparse (N, V), and idf (V,) to counts, a sparse array of float64 (N, V), and
    the rows that have been rounded by more than 0.01. Terms of infinite idf are left out.
    """
    counts = sparse.csr_array(vectors, copy=True)
    counts.data /= idf[counts.indices]
    counts.eliminate_zeros()

    n_documents = counts.shape[0]
    document = np.repeat(np.arange(n_documents, dtype=np.int32), np.diff(counts.indptr))
    once = np.full(n_documents, np.inf)
    np.minimum.at(once, document, counts.data)
    exact = np.exp(counts.data / once[document] - 1)
    counts.data = np.rint(exact)
    doubtful = np.unique(document[np.abs(exact - counts.data) > _WHOLE])
    return counts, doubtful


def dec_subset(n, size=10_000):
    """Draw ``size`` of n documents as DEC does for REUTERS-10k: permute all, take the first.

    IDEC and the authors' code of DESOM take the first 10,000 and permute these; the labels that
    circulate with later work (SDCN's) support DEC's rule.
    """
    return np.random.RandomState(1234).permutation(n)[:size]


def reuters10k_from_rcv1(
    data, target, target_names, n_train=23_149, n_documents=10_000, n_terms=2000
):
    """Prepare REUTERS-10k from what `sklearn.datasets.fetch_rcv1` gives.

    The order of documents, on which the draw depends, is that of DEC's files, the test documents
    first. Terms and weights are those of all documents with one root, not of the 10,000 alone.

    Gives x, float32 (n_documents, n_terms), and y, int64 (n_documents,), the places of roots in
    `ROOTS`. Warns of terms left out and counts rounded; raises InputError if the counts of more
    than 1 % of the documents are not whole.
    """
    data, target = sparse.csr_array(data), sparse.csr_array(target)
    test_first = np.r_[n_train : data.shape[0], :n_train]
    documents, classes = single_root_documents(target[test_first], target_names)

    vectors = data[test_first[documents]]
    counts, doubtful = recover_counts(vectors, training_idf(data[:n_train]))
    lost = vectors.nnz - counts.nnz
    if len(doubtful) > _MOST_DOUBTFUL * len(documents):
        raise InputError(
            f"these are not the vectors of RCV1: {len(doubtful)} of {len(documents)} documents"
            " would contain terms a fractional number of times."
        )
    if lost or len(doubtful):
        warnings.warn(
            f"RCV1: {lost} of {vectors.nnz} weights are left out, as no training document contains"
            f" their term, and the counts of {len(doubtful)} of {len(documents)} documents are"
            " rounded, as no term that is left occurs once in them.",
            stacklevel=2,
        )

    drawn = dec_subset(len(documents), n_documents)
    x = tfidf_top_terms(counts, n_terms)[drawn]
    return x.astype(np.float32).toarray(), classes[drawn]
