"""A corpus of the user's own files: which of its text trains and which validates.

Validation text is named by the user, or else a share of the documents, chosen by a seed and their numbers alone;
where there is only one document, its end. It neither shuffles nor removes duplicates.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from speedrun.corpus.documents import documents
from speedrun.errors import UserError

Split = Literal["train", "val"]


@dataclass(frozen=True)
class Corpus:
    files: tuple[Path, ...]
    val_files: tuple[Path, ...] = ()  # empty: a share of the documents in `files` validates
    column: str = "text"
    val_fraction: float = 0.1
    seed: int = 0  # chooses the documents that validate

    def documents(self) -> Iterator[str]:
        for path in self.files:
            yield from documents(path, self.column)

    def val_documents(self) -> Iterator[str]:
        for path in self.val_files:
            yield from documents(path, self.column)

    def all_documents(self) -> Iterator[str]:
        yield from self.documents()
        yield from self.val_documents()


@dataclass(frozen=True)
class Plan:
    """What `scan` found in a corpus, and so how it is split."""

    characters: int  # in all the text
    held_out: frozenset[int] = frozenset()  # numbers of the documents that validate
    cut: int | None = None  # of a single document: the characters that train


def scan(corpus: Corpus) -> Plan:
    """Read everything once; whatever cannot be read is found here, before anything is written."""
    lengths = [len(text) for text in corpus.documents()]
    if not lengths:
        raise UserError(f"{_names(corpus.files)}: no text in it")
    if corpus.val_files:
        val_lengths = [len(text) for text in corpus.val_documents()]
        if not val_lengths:
            raise UserError(f"{_names(corpus.val_files)}: no text in it to validate with")
        return Plan(sum(lengths) + sum(val_lengths))
    if len(lengths) > 1:
        return Plan(sum(lengths), held_out=held_out(len(lengths), corpus.val_fraction, corpus.seed))
    cut = int(lengths[0] * (1 - corpus.val_fraction))
    if not 0 < cut < lengths[0]:
        raise UserError(f"{_names(corpus.files)}: {lengths[0]} characters are too few to split; name --val files")
    return Plan(lengths[0], cut=cut)


def _names(files: tuple[Path, ...]) -> str:
    return f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def held_out(count: int, fraction: float, seed: int) -> frozenset[int]:
    """The numbers below `count` (2 or more) of the documents that validate: the share `fraction`, and one at least.

    Hashes, not a random generator, choose them: the same on every machine and version.
    """
    share = min(count - 1, max(1, round(count * fraction)))
    ranks = (hashlib.sha256(f"{seed}:{number}".encode()).digest() for number in range(count))
    return frozenset(number for _, number in heapq.nsmallest(share, zip(ranks, range(count), strict=True)))


def texts(corpus: Corpus, plan: Plan, split: Split) -> Iterator[str]:
    """The texts of one split, in the order of the files."""
    if corpus.val_files:
        yield from corpus.documents() if split == "train" else corpus.val_documents()
    elif plan.cut is not None:
        for text in corpus.documents():
            yield text[: plan.cut] if split == "train" else text[plan.cut :]
    else:
        for number, text in enumerate(corpus.documents()):
            if (number in plan.held_out) == (split == "val"):
                yield text


def joined(documents: Iterable[str]) -> Iterator[str]:
    """The documents with a line break before all but the first, for a vocabulary without end-of-text."""
    for number, text in enumerate(documents):
        yield f"\n{text}" if number else text
