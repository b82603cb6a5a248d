"""Token shards from your own text: .txt, .md, .jsonl (plain, .gz or .zst) and .parquet files, or folders of them.

    python data/text.py books/ --out data/books                       # GPT-2's tokens, 10% of the documents validate
    python data/text.py posts.jsonl.zst --val recent.jsonl --out data/posts
    python data/text.py tinyshakespeare.txt --tokenizer chars --out data/shakespeare_char

A call that is repeated with the same arguments and files does nothing; one that was interrupted starts again.
It cleans nothing, removes no duplicates and does not shuffle.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

try:
    from speedrun import cli, house
except ModuleNotFoundError:
    print("text.py: run `make setup`, then .venv/bin/python data/text.py", file=sys.stderr)
    sys.exit(2)

from speedrun.corpus.builds import Build, building, intact
from speedrun.corpus.corpora import Corpus, Plan, Split, joined, scan, texts
from speedrun.corpus.documents import find_files
from speedrun.corpus.shards import MOST_TOKENS, Meta, sha256_of, shard_name
from speedrun.corpus.tokenizers import BYTES, Batch, Cutter, batches, characters, encode_all
from speedrun.errors import UserError
from speedrun.machine import cores
from speedrun.progress import bars
from typer import Argument, Option

if TYPE_CHECKING:
    import numpy as np


class Tokenizer(StrEnum):
    GPT2 = "gpt2"
    BYTES = "bytes"
    CHARS = "chars"


def main(
    paths: Annotated[list[Path], Argument(help="Files, or folders of them.")],
    tokenizer: Annotated[
        Tokenizer, Option(help="gpt2: 50,257 ids; bytes: 257 ids, the last is end-of-text; chars: those of the text.")
    ] = Tokenizer.GPT2,
    name: Annotated[
        str, Option(help="Of the shards, NAME_train_000001.bin. [default: the folder's]", show_default=False)
    ] = "",
    out: Annotated[Path | None, Option(help="Folder for the shards. [default: data/NAME]")] = None,
    val: Annotated[list[Path] | None, Option(help="Files or folders that validate (repeatable).")] = None,
    val_fraction: Annotated[
        float, Option(help="Without --val: the share of the documents (of one document: its end) that validates.")
    ] = 0.1,
    seed: Annotated[int, Option(help="Chooses the documents that validate.")] = 0,
    column: Annotated[str, Option(help="The field of .jsonl or column of .parquet with the text.")] = "text",
    shard_tokens: Annotated[int, Option(help="Tokens in a full shard.", min=1, max=MOST_TOKENS)] = 100_000_000,
    workers: Annotated[
        int, Option(help="Processes that tokenize. [default: one a core]", min=0, show_default=False)
    ] = 0,
) -> None:
    """Make train and validation shards out of text files.

    Example: python data/text.py books/ --out data/books
    """
    if not 0 < val_fraction < 1:
        raise UserError(f"--val-fraction {val_fraction} is not between 0 and 1")
    corpus = Corpus(tuple(find_files(paths)), tuple(find_files(val or [])), column, val_fraction, seed)
    if both := {path.resolve() for path in corpus.files} & {path.resolve() for path in corpus.val_files}:
        raise UserError(f"{min(both)} is to train and to validate; leave it out of one")
    name, folder = _place(name, out, paths)
    source = {"made_by": "data/text.py", "name": name, **_source(corpus, tokenizer, shard_tokens)}
    if meta := intact(folder, source):
        _tell(folder, name, meta, "already made")
        return
    with bars() as progress:
        progress.add_task("reading", total=None)
        plan = scan(corpus)
        meta = _meta(corpus, tokenizer)
    with building(folder, name, source) as build, bars() as progress:
        task = progress.add_task("tokenizing", total=plan.characters)
        for split in ("val", "train"):
            source_batches = _counted(_batches(corpus, plan, split, meta), lambda size: progress.advance(task, size))
            _write(build, split, encode_all(source_batches, meta, workers or cores()), shard_tokens)
        meta = build.finish(meta)
    _tell(folder, name, meta, "made")


def _place(name: str, out: Path | None, paths: list[Path]) -> tuple[str, Path]:
    """The name of the shards and the folder that they go to."""
    name = name or re.sub(r"\W+", "_", (out or paths[0]).resolve().name.partition(".")[0])
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UserError(f"--name {name!r} is not a word of letters, digits, _ and -")
    return name, out or house.root() / "data" / name


def _source(corpus: Corpus, tokenizer: Tokenizer, shard_tokens: int) -> dict:
    """What decides the tokens."""
    split = {} if corpus.val_files else {"val_fraction": corpus.val_fraction, "seed": corpus.seed}
    return {
        "tokenizer": tokenizer.value,
        "column": corpus.column,
        "shard_tokens": shard_tokens,
        **split,
        "train": [{"name": path.name, "sha256": sha256_of(path)} for path in corpus.files],
        "val": [{"name": path.name, "sha256": sha256_of(path)} for path in corpus.val_files],
    }


def _meta(corpus: Corpus, tokenizer: Tokenizer) -> Meta:
    if tokenizer is Tokenizer.GPT2:
        return Meta()
    if tokenizer is Tokenizer.BYTES:
        return BYTES
    vocabulary = characters(joined(corpus.all_documents()))
    return Meta("chars", len(vocabulary), end_of_text=None, vocabulary=vocabulary)


def _batches(corpus: Corpus, plan: Plan, split: Split, meta: Meta) -> Iterator[Batch]:
    found = texts(corpus, plan, split)
    return batches(joined(found) if meta.end_of_text is None else found)


def _counted(source: Iterable[Batch], report: Callable[[int], object]) -> Iterator[Batch]:
    for batch in source:
        yield batch
        report(sum(len(text) for text, _ in batch))


def _write(build: Build, split: Split, rows: "Iterable[np.ndarray]", shard_tokens: int) -> None:
    """Shards of one split: validation shards are numbered from 0, training shards from 1."""
    number = 0 if split == "val" else 1
    cutter = Cutter(shard_tokens)
    for row in rows:
        for shard, _ in cutter.add(row):
            build.add(shard_name(build.name, split, number), shard)
            number += 1
    if cutter.filled:
        build.add(shard_name(build.name, split, number), cutter.rest())


def _tell(folder: Path, name: str, meta: Meta, what: str) -> None:
    for split in ("train", "val"):
        sizes = [info.tokens for file, info in meta.shards.items() if file.startswith(f"{name}_{split}_")]
        print(f"{what}: {house.shown(folder)}/{name}_{split}_*.bin: {sum(sizes):,} tokens, shards: {len(sizes)}")
    print(f"tokenizer: {meta.tokenizer}, {meta.vocab_size:,} ids")


if __name__ == "__main__":
    sys.exit(cli.run("text.py", main))
