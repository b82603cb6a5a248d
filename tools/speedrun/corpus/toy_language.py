"""The toy language: a small made-up English whose next-token probabilities are known exactly.

    tokens = sample("train", seed=1, count=1_000_000)
    next_token_distribution(tokens[:50])      exact probabilities of the token after these
    log_probability(tokens)                   nats, of each token after the first
    floor(tokens)                             their mean, negated: the least loss

The grammar is toy_grammar.py. What it is not: a model of English, or a measure of one.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from speedrun.corpus.toy_chances import Distribution, EndOfGiven, Reader, Writer
from speedrun.corpus.toy_grammar import Document, tokens_of
from speedrun.corpus.toy_tables import language
from speedrun.corpus.toy_words import END_OF_TEXT, vocabulary

if TYPE_CHECKING:
    import numpy as np

CHUNK = 1 << 16  # tokens generated between two signs of progress


# ---- generating


@cache
def fingerprint() -> str:
    """Another one means another language: sha256 of the vocabulary and of a text long enough to use every table."""
    digest = hashlib.sha256("\n".join(vocabulary()).encode())
    digest.update(sample("fingerprint", 0, CHUNK).astype("<u2").tobytes())
    return digest.hexdigest()


def _seed(split: str, seed: int) -> int:
    """Far apart for every pair, so that the splits share no document."""
    return int.from_bytes(hashlib.sha256(f"toy language, {split}, {seed}".encode()).digest())


def chunks(split: str, seed: int, count: int) -> Iterator["np.ndarray"]:
    """`count` tokens (uint16) of the endless text of this split and seed, in parts of whole documents but the last."""
    import numpy as np

    pen, tables = Writer(_seed(split, seed), tokens_of), language()
    pen.put(END_OF_TEXT)
    while count > 0:
        while len(pen.tokens) < min(count, CHUNK):
            Document(pen, tables).write()
        part = np.array(pen.tokens[:count], dtype=np.uint16)
        pen.tokens.clear()
        count -= len(part)
        yield part


def sample(split: str, seed: int, count: int) -> "np.ndarray":
    """The first `count` tokens (uint16) of the endless text of this split and seed."""
    import numpy as np

    return np.concatenate([np.empty(0, np.uint16), *chunks(split, seed, count)])


# ---- scoring


def _read(tokens: Iterable[int]) -> tuple[list[tuple[int, int]], Distribution]:
    """(weight, out of what) of each token after the first, and the distribution of the token after the last."""
    reader, tables = Reader(tokens, tokens_of), language()
    try:
        reader.put(END_OF_TEXT)
        while True:
            Document(reader, tables).write()
    except EndOfGiven as end:
        return reader.odds[1:], end.distribution


def next_token_distribution(prefix: "Sequence[int] | np.ndarray") -> Distribution:
    """Exact probabilities of the token after `prefix`, which begins with an end-of-text token.

    Raises Impossible (a ValueError) where the language does not allow the prefix.
    """
    last = max((index for index, token in enumerate(prefix) if token == END_OF_TEXT), default=0)
    return _read(prefix[last:])[1]


def log_probability(tokens: "Sequence[int] | np.ndarray") -> "np.ndarray":
    """Natural log of the probability of each of tokens[1:], given all before it; tokens[0] is an end-of-text token.

    Raises Impossible (a ValueError) where the language does not allow a token.
    """
    import numpy as np

    odds = np.array(_read(tokens)[0], dtype=np.float64).reshape(-1, 2)
    return np.log(odds[:, 0]) - np.log(odds[:, 1])


def floor(tokens: "Sequence[int] | np.ndarray") -> float:
    """Mean of -log p over tokens[1:], in nats a token: no honest model does better, but for luck.

    Equal odds are counted before they are summed, so that the last digits do not depend on the machine.
    """
    counts = Counter(_read(tokens)[0])
    nats = math.fsum(count * math.log(out_of / weight) for (weight, out_of), count in sorted(counts.items()))
    return round(nats / counts.total(), 9)
