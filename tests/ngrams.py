"""N-gram models with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), to hold a corpus against.

Discounts are the closed-form estimates of that paper from the counts of counts, one set for each order.
"""

import numpy as np

BITS = 10  # of a token id


def _windows(tokens: np.ndarray, order: int) -> np.ndarray:
    """Each run of `order` tokens as one integer, the last token in the lowest bits."""
    keys = np.zeros(len(tokens) - order + 1, np.uint64)
    for offset in range(order):
        keys = keys << np.uint64(BITS) | tokens[offset : len(keys) + offset].astype(np.uint64)
    return keys


def _counted(tokens: np.ndarray, order: int, highest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams, sorted, and how often each occurs; below the highest order, after how many different tokens."""
    if highest:
        return np.unique(_windows(tokens, order), return_counts=True)
    longer = np.unique(_windows(tokens, order + 1))
    return np.unique(longer & np.uint64((1 << BITS * order) - 1), return_counts=True)


def _looked_up(sorted_keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each wanted key stands, and whether it does."""
    places = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return places, sorted_keys[places] == wanted


def cross_entropy(train: np.ndarray, val: np.ndarray, order: int, vocabulary: int) -> float:
    """Mean nats of val[1:] under the model of `order` fitted to `train`; the first few targets use shorter contexts.

    Every probability is positive: below the unigram lies the uniform distribution over the vocabulary.
    """
    probability = np.full(len(val), 1 / vocabulary)
    for n in range(1, order + 1):
        keys, counts = _counted(train, n, highest=n == order)
        of_counts = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].astype(float)
        y = of_counts[0] / max(of_counts[0] + 2 * of_counts[1], 1)
        ratio = of_counts[1:] / np.maximum(of_counts[:-1], 1)
        discounts = np.concatenate([[0.0], np.clip([1, 2, 3] - np.array([2, 3, 4]) * y * ratio, 0, [1, 2, 3])])
        discount = discounts[np.minimum(counts, 3)]
        contexts, starts = np.unique(keys >> np.uint64(BITS), return_index=True)
        totals = np.add.reduceat(counts, starts)
        left_over = np.add.reduceat(discount, starts) / totals

        windows = _windows(val, n)
        target = probability[n - 1 :]  # a view: what is updated are the targets with a full context
        place, seen_context = _looked_up(contexts, windows >> np.uint64(BITS))
        gram, seen = _looked_up(keys, windows)
        kept = np.where(seen, counts[gram] - discount[gram], 0) / totals[place]
        target[:] = np.where(seen_context, kept + left_over[place] * target, target)
    return float(-np.log(probability[1:]).mean())
