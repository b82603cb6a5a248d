"""Text to token ids, on all cores where that pays: GPT-2's BPE (tiktoken), bytes, or characters.

    encode = encoder(Meta())                          # GPT-2
    encode("hello world")                             # uint16 [2]: 31373, 995
    for tokens in encode_all(batches, Meta(), workers=8): ...

It trains no tokenizer, and reads no files: see speedrun.corpus.documents.
"""

import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from speedrun.corpus.shards import MOST_IDS, Meta
from speedrun.errors import UserError

if TYPE_CHECKING:
    from tiktoken import Encoding

BYTES = Meta(tokenizer="bytes", vocab_size=257, end_of_text=256)
PIECE = 1 << 20  # characters: a longer document is encoded in pieces, so that it neither blocks nor fills the memory
BATCH = 1 << 20  # characters that one task of a worker holds at least; about 0.25 s of GPT-2's BPE
AHEAD = 3  # tasks in the queue for each worker

# GPT-2's BPE never joins a letter with a space that follows it: before such a space a text can be cut.
CUT = re.compile(r"(?<=[A-Za-z]) (?=[A-Za-z])")

Piece = tuple[str, bool]  # a text, and whether a document starts with it
Batch = list[Piece]


@cache
def gpt2() -> "Encoding":
    """tiktoken's GPT-2 encoding, whose vocabulary is fetched once and then cached by tiktoken."""
    import tiktoken
    from requests.exceptions import RequestException

    try:
        return tiktoken.get_encoding("gpt2")
    except (RequestException, OSError, ValueError) as error:
        raise UserError(
            f"no GPT-2 vocabulary: tiktoken cannot fetch it ({type(error).__name__}); connect to the network once, "
            "or set TIKTOKEN_CACHE_DIR to a folder that has it"
        ) from error


def characters(texts: Iterable[str]) -> tuple[str, ...]:
    """All characters of the texts, sorted: a vocabulary for `chars`."""
    found: set[str] = set()
    for text in texts:
        found.update(text)
    if len(found) > MOST_IDS:
        raise UserError(f"{len(found):,} different characters, more than the {MOST_IDS:,} that a token can tell apart")
    return tuple(sorted(found))


def encoder(meta: Meta) -> Callable[[str], np.ndarray]:
    """What turns a text into its tokens, uint16 [n]; special tokens in a text are only text."""
    if meta.tokenizer == "gpt2":
        encoding = gpt2()
        return lambda text: encoding.encode_to_numpy(text, disallowed_special=()).astype(np.uint16)
    if meta.tokenizer == "bytes":
        return lambda text: np.frombuffer(text.encode(), np.uint8).astype(np.uint16)
    if meta.tokenizer == "chars":
        ids = np.zeros(0x110000, np.uint16)  # by code point
        ids[[ord(character) for character in meta.vocabulary]] = np.arange(len(meta.vocabulary), dtype=np.uint16)
        return lambda text: ids[np.frombuffer(text.encode("utf-32-le"), "<u4")]
    raise ValueError(f"texts are not encoded as {meta.tokenizer}")


def pieces(document: str) -> Iterator[Piece]:
    """A document in pieces that GPT-2's BPE encodes to the same tokens as the whole."""
    start = 0
    while len(document) - start > PIECE:
        cut = CUT.search(document, start + PIECE)
        if cut is None:
            break
        yield document[start : cut.start()], start == 0
        start = cut.start()
    yield document[start:], start == 0


def batches(documents: Iterable[str]) -> Iterator[Batch]:
    """The documents' pieces in batches of at least BATCH characters; the same batches for the same documents."""
    batch, size = [], 0
    for piece in chain.from_iterable(map(pieces, documents)):
        batch.append(piece)
        size += len(piece[0])
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def encode_batch(batch: Batch, encode: Callable[[str], np.ndarray], end_of_text: int | None) -> np.ndarray:
    """All tokens of the batch, uint16; end-of-text, if there is one, stands first in each document."""
    first = np.array([] if end_of_text is None else [end_of_text], np.uint16)
    rows = [row for text, starts in batch for row in ((first, encode(text)) if starts else (encode(text),))]
    return np.concatenate(rows)


class Cutter:
    """Rows of tokens in, shards of exactly `size` tokens out."""

    def __init__(self, size: int) -> None:
        self.buffer = np.empty(size, np.uint16)
        self.filled = 0

    def add(self, row: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
        """Every shard that `row` fills, valid until the next one, and how much of the row it ends at."""
        used = 0
        while used < row.size:
            part = row[used : used + self.buffer.size - self.filled]
            self.buffer[self.filled : self.filled + part.size] = part
            self.filled, used = self.filled + part.size, used + part.size
            if self.filled == self.buffer.size:
                self.filled = 0
                yield self.buffer, used

    def rest(self) -> np.ndarray:
        return self.buffer[: self.filled]


def encode_all(source: Iterable[Batch], meta: Meta, workers: int) -> Iterator[np.ndarray]:
    """The tokens of each batch, in the order of the batches, whatever the number of workers.

    One batch alone, and bytes and characters (which are faster to encode than to send), stay in this process.
    """
    encode = encoder(meta)  # here first, so that a missing vocabulary is found (and fetched) once
    left = iter(source)
    start = list(islice(left, 2))
    left = chain(start, left)
    if workers == 1 or len(start) < 2 or meta.tokenizer != "gpt2":
        for batch in left:
            yield encode_batch(batch, encode, meta.end_of_text)
        return
    try:
        yield from _encode_in_workers(left, meta, workers)
    except BrokenProcessPool as error:
        raise UserError("a tokenizing process ended early; is there too little memory? try fewer --workers") from error


def _encode_in_workers(left: Iterator[Batch], meta: Meta, workers: int) -> Iterator[np.ndarray]:
    from multiprocessing import get_context

    # "spawn": a fork of a process that has threads (a progress bar is one) can hang
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (meta,))
    waiting: deque[Future[np.ndarray]] = deque()
    try:
        for batch in left:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: list[Callable[[Batch], np.ndarray]] = []  # in a worker process: what it does with a batch


def _start_worker(meta: Meta) -> None:
    import signal
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()  # no worker outlives it
    encode = encoder(meta)
    _worker.append(lambda batch: encode_batch(batch, encode, meta.end_of_text))


def _work(batch: Batch) -> np.ndarray:
    return _worker[0](batch)
