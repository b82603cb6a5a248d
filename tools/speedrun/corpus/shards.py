"""Token shards and the meta.json beside them: the one place of the library that reads and writes either.

A shard is 256 little-endian int32 (20240520, 1, number of tokens, zeros) and then the tokens as little-endian
uint16. NAME_val_000000.bin is the validation shard, NAME_train_000001.bin and on are the training shards.
meta.json says how to decode them and where they came from; without it, GPT-2's tokens are meant.

    tokens = read_tokens(path)                       # a view of the file, nothing is loaded
    text = decoder(read_meta(path.parent))(tokens[:100].tolist())

It is not a data loader: training scripts read shards by themselves.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from speedrun.errors import UserError
from speedrun.files import whole_file, write_text

MAGIC, VERSION = 20240520, 1
HEADER_INTS = 256
HEADER_BYTES = 4 * HEADER_INTS
MOST_IDS = 1 << 16  # what a uint16 can tell apart
MOST_TOKENS = 10**9  # in a shard that we make: the header counts them in an int32
GPT2_VOCAB, GPT2_END_OF_TEXT = 50257, 50256
TOKENIZERS = ("gpt2", "bytes", "chars", "words")
END_OF_TEXT = "<|endoftext|>"  # as decoders of bytes show it
CHUNK = 1 << 24  # tokens looked at, or bytes hashed, at a time


@dataclass(frozen=True)
class ShardInfo:
    tokens: int
    sha256: str  # of the whole file, header included


@dataclass(frozen=True)
class Floor:
    """The loss that no honest model can beat: mean -log p over the `tokens` predicted tokens of the val shard."""

    nats_per_token: float
    tokens: int


@dataclass(frozen=True)
class Meta:
    tokenizer: str = "gpt2"
    vocab_size: int = GPT2_VOCAB
    end_of_text: int | None = GPT2_END_OF_TEXT  # its id; None where no token marks the start of a document
    vocabulary: tuple[str, ...] = ()  # token i's text, for chars and words only
    source: Mapping[str, Any] = field(default_factory=dict)  # where the text came from, licence, seed, parameters
    shards: Mapping[str, ShardInfo] = field(default_factory=dict)  # by file name
    floor: Floor | None = None


def shard_name(name: str, split: str, number: int) -> str:
    return f"{name}_{split}_{number:06d}.bin"


def write_shard(path: Path, tokens: np.ndarray) -> ShardInfo:
    """Write `tokens` (1-D, integers below 65,536) as a shard, whole or not at all; return its length and sha256."""
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise ValueError(f"tokens of a shard are one row of integers, not {tokens.dtype}{list(tokens.shape)}")
    if tokens.dtype != np.uint16 and tokens.size and not 0 <= int(tokens.min()) <= int(tokens.max()) < MOST_IDS:
        raise ValueError(f"tokens of a shard are below {MOST_IDS}")
    numbers = np.zeros(HEADER_INTS, dtype="<i4")
    numbers[:3] = MAGIC, VERSION, tokens.size
    header, body = numbers.tobytes(), np.ascontiguousarray(tokens, dtype="<u2").data
    digest = hashlib.sha256(header)
    digest.update(body)
    with whole_file(path) as file:
        file.write(header)
        file.write(body)
    return ShardInfo(tokens.size, digest.hexdigest())


def read_header(path: Path) -> int:
    """The number of tokens in the shard; UserError when it is cut off, too long, or no shard at all."""
    with open(path, "rb") as file:
        header = np.frombuffer(file.read(HEADER_BYTES), dtype="<i4") if path.stat().st_size >= HEADER_BYTES else None
    size = path.stat().st_size
    if header is None:
        raise UserError(f"{path}: {size} bytes are less than a shard's header ({HEADER_BYTES}); make or fetch it again")
    magic, version, tokens = header[:3].tolist()
    if magic != MAGIC:
        raise UserError(f"{path}: not a token shard: it starts with {magic}, not {MAGIC}")
    if version != VERSION:
        raise UserError(f"{path}: shard version {version}, but only version {VERSION} is known")
    expected = HEADER_BYTES + 2 * tokens
    if size != expected:
        fault = "cut off" if size < expected else "too long"
        raise UserError(
            f"{path}: {fault}: the header says {tokens} tokens ({expected:,} bytes), the file has {size:,} bytes; "
            "make or fetch it again"
        )
    return tokens


def read_tokens(path: Path) -> np.ndarray:
    """All tokens of the shard: uint16 [tokens], a read-only view of the file."""
    if read_header(path) == 0:
        return np.zeros(0, dtype="<u2")
    return np.memmap(path, dtype="<u2", mode="r", offset=HEADER_BYTES)


def check_shard(path: Path, vocab_size: int) -> int:
    """Read the whole shard; UserError when anything is wrong, a token beyond the vocabulary included."""
    tokens = read_tokens(path)
    for start in range(0, tokens.size, CHUNK):
        chunk = tokens[start : start + CHUNK]
        if int(chunk.max()) >= vocab_size:
            at = int(np.argmax(chunk >= vocab_size))
            raise UserError(
                f"{path}: token {start + at} is {chunk[at]}, beyond the vocabulary of {vocab_size}; "
                "is meta.json beside it the right one?"
            )
    return tokens.size


def sha256_of(path: Path, report: Callable[[int], object] = lambda done: None) -> str:
    """sha256 of a file in hex; `report` is told of every chunk of bytes that is done."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            report(len(chunk))
    return digest.hexdigest()


def write_meta(folder: Path, meta: Meta) -> None:
    """Write folder/meta.json; fields that say nothing are left out."""
    fields = {key: value for key, value in asdict(meta).items() if value or key == "end_of_text"}
    write_text(folder / "meta.json", json.dumps(fields, ensure_ascii=False, indent=1) + "\n")


def read_meta(folder: Path) -> Meta:
    """folder/meta.json, or GPT-2's when there is none; UserError when it makes no sense."""
    path = folder / "meta.json"
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Meta()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        fault = f"no field {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{path}: not a description of token shards: {fault}; make the shards again") from error


def _checked(fields: dict[str, Any]) -> Meta:
    meta = Meta(
        tokenizer=fields["tokenizer"],
        vocab_size=int(fields["vocab_size"]),
        end_of_text=None if fields["end_of_text"] is None else int(fields["end_of_text"]),
        vocabulary=tuple(fields.get("vocabulary", ())),
        source=fields.get("source", {}),
        shards={name: ShardInfo(**info) for name, info in fields.get("shards", {}).items()},
        floor=Floor(**fields["floor"]) if "floor" in fields else None,
    )
    if meta.tokenizer not in TOKENIZERS:
        raise ValueError(f"tokenizer {meta.tokenizer!r} is none of {', '.join(TOKENIZERS)}")
    if not 1 <= meta.vocab_size <= MOST_IDS:
        raise ValueError(f"vocab_size {meta.vocab_size} is not between 1 and {MOST_IDS}")
    if meta.end_of_text is not None and not 0 <= meta.end_of_text < meta.vocab_size:
        raise ValueError(f"end_of_text {meta.end_of_text} is beyond the vocabulary of {meta.vocab_size}")
    if meta.tokenizer in {"chars", "words"} and len(meta.vocabulary) != meta.vocab_size:
        raise ValueError(f"{len(meta.vocabulary)} entries in a vocabulary of {meta.vocab_size}")
    return meta


def decoder(meta: Meta) -> Callable[[Sequence[int]], str]:
    """What turns token ids back into text.

    Bytes that are no UTF-8 (a cut character) become U+FFFD. Words are joined by one space, but none stands before
    closing punctuation or an apostrophe, or around a line break.
    """
    if meta.tokenizer == "gpt2":
        from speedrun.corpus.tokenizers import gpt2

        return lambda tokens: gpt2().decode(list(tokens))
    if meta.tokenizer == "bytes":
        pieces = [bytes([byte]) for byte in range(256)] + [END_OF_TEXT.encode()]
        return lambda tokens: b"".join(pieces[token] for token in tokens).decode("utf-8", "replace")
    if meta.tokenizer == "chars":
        return lambda tokens: "".join(meta.vocabulary[token] for token in tokens)
    return lambda tokens: _sentence([meta.vocabulary[token] for token in tokens])


def _sentence(words: list[str]) -> str:
    text = ""
    for word in words:
        tight = not text or text.endswith("\n") or word.startswith(tuple(".,;:?!'\n"))
        text += word if tight else f" {word}"
    return text
