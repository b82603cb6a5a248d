"""Token shards from FineWeb or FineWeb-Edu, tokenized here with GPT-2's BPE on all cores.

    python data/fineweb.py                                   # FineWeb's 10B-token sample, fetched from the hub
    python data/fineweb.py --edu --max-tokens 1_000_000_000
    python data/fineweb.py downloads/ --out data/mine        # parquet files that are here already

End-of-text stands first in each document, and the first shard validates. Documents keep the order of the files, so
the shards do not depend on the number of workers. A call that was interrupted goes on after its last whole shard.
For the shards that the official track asks for, see cached_fineweb10B.py: these are others, of the same kind.
"""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

try:
    from speedrun import cli, house
except ModuleNotFoundError:
    print("fineweb.py: run `make setup`, then .venv/bin/python data/fineweb.py", file=sys.stderr)
    sys.exit(2)

from speedrun.corpus.builds import Build, building, intact
from speedrun.corpus.documents import documents, find_files
from speedrun.corpus.hub import fetch, kept_listing
from speedrun.corpus.shards import MOST_TOKENS, Meta, shard_name
from speedrun.corpus.tokenizers import Batch, Cutter, batches, encode_all
from speedrun.digests import Digests
from speedrun.errors import UserError
from speedrun.machine import cores
from speedrun.progress import bars
from typer import Argument, Option

if TYPE_CHECKING:
    import numpy as np

SAMPLE = "sample/10BT"  # of either dataset: 10B tokens in about 15 parquet files
LICENCE = "ODC-By 1.0; CommonCrawl's terms of use"


@dataclass(frozen=True)
class Parquet:
    name: str
    sha256: str
    open: Callable[[], Path]  # fetches the file first where it is not here


@dataclass(frozen=True)
class Job:
    """What decides the shards' content (and `workers`, which does not)."""

    files: Sequence[Parquet]
    origin: str
    column: str
    shard_tokens: int
    max_tokens: int  # 0: all
    workers: int

    def source(self) -> dict:
        return {
            "made_by": "data/fineweb.py",
            "origin": self.origin,
            "licence": LICENCE,
            "column": self.column,
            "shard_tokens": self.shard_tokens,
            "max_tokens": self.max_tokens,
            "files": [{"name": file.name, "sha256": file.sha256} for file in self.files],
        }


def main(
    paths: Annotated[
        list[Path] | None, Argument(help="Parquet files, or folders of them. [default: from the hub]")
    ] = None,
    edu: Annotated[bool, Option("--edu", help="FineWeb-Edu instead of FineWeb.")] = False,
    out: Annotated[
        Path | None, Option(help="Folder for the shards. [default: data/fineweb or data/fineweb_edu]")
    ] = None,
    shard_tokens: Annotated[int, Option(help="Tokens in a full shard.", min=1, max=MOST_TOKENS)] = 100_000_000,
    max_tokens: Annotated[
        int,
        Option(help="Stop after so many, the validation shard's included. [default: all]", show_default=False, min=0),
    ] = 0,
    column: Annotated[str, Option(help="The column with the text.")] = "text",
    workers: Annotated[
        int, Option(help="Processes that tokenize. [default: one a core]", min=0, show_default=False)
    ] = 0,
) -> None:
    """Tokenize parquet files into a validation shard and training shards.

    Example: python data/fineweb.py --max-tokens 1_000_000_000
    """
    folder = out or house.root() / "data" / ("fineweb_edu" if edu else "fineweb")
    digests = Digests(folder)
    files = _local(paths, digests) if paths else _on_hub(folder, edu)
    origin = "parquet files" if paths else f"{_repo(edu)}, {SAMPLE}"
    job = Job(files, origin, column, shard_tokens, max_tokens, workers or cores())
    if meta := intact(folder, job.source()):
        _tell(folder, meta, "already made")
        return
    with building(folder, "fineweb", job.source()) as build:
        digests.save()
        if build.shards:
            print(f"goes on after {len(build.shards)} whole shards, {build.tokens:,} tokens", file=sys.stderr)
        _write(build, job)
        if len(build.shards) < 2:
            raise UserError(
                f"{build.tokens:,} tokens only fill the validation shard; give more text or fewer --shard-tokens"
            )
        _tell(folder, build.finish(Meta()), "made")


def _repo(edu: bool) -> str:
    return "HuggingFaceFW/fineweb-edu" if edu else "HuggingFaceFW/fineweb"


def _local(paths: list[Path], digests: Digests) -> list[Parquet]:
    files = find_files(paths, (".parquet",))
    sums = digests.of_all(files, "checking the files")
    return [Parquet(path.name, digest, partial(Path, path)) for path, digest in zip(files, sums, strict=True)]


def _on_hub(folder: Path, edu: bool) -> list[Parquet]:
    from huggingface_hub.utils import disable_progress_bars

    listing = kept_listing(folder, _repo(edu), SAMPLE)
    if not (files := [file for file in listing.files if file.path.endswith(".parquet")]):
        raise UserError(f"dataset {listing.repo} has no parquet file in {SAMPLE}; give the files by name")
    disable_progress_bars()  # they would write over ours
    return [Parquet(file.path, file.sha256, partial(fetch, listing, file)) for file in files]


def _write(build: Build, job: Job) -> None:
    """Add the shards that are not there yet, and where each ends: file, batch, token of the batch."""
    cutter, start = Cutter(job.shard_tokens), build.position or [0, 0, 0]
    room = job.max_tokens - build.tokens if job.max_tokens else sys.maxsize
    with closing(_rows(job, start)) as rows:
        for place, row in rows:
            offset = start[2] if place == start[:2] else 0
            row = row[offset : offset + room]
            room -= row.size
            for shard, used in cutter.add(row):
                build.add(_name(len(build.shards)), shard, [*place, offset + used])
            if not room:
                break
    if cutter.filled:
        build.add(_name(len(build.shards)), cutter.rest())


def _name(number: int) -> str:
    return shard_name("fineweb", "train" if number else "val", number)


def _rows(job: Job, start: list[int]) -> Generator[tuple[list[int], "np.ndarray"], None, None]:
    """The tokens of each batch from `start` on, with its place: [file, batch of the file]."""
    places: deque[list[int]] = deque()
    with bars() as progress:
        task = progress.add_task("starting", total=None)

        def source() -> Iterator[Batch]:
            for number, file in enumerate(job.files[start[0] :], start=start[0]):
                progress.update(task, description=f"file {number + 1} of {len(job.files)}", total=None)
                path = file.open()
                progress.reset(task, total=_row_count(path))
                for index, batch in enumerate(batches(documents(path, job.column))):
                    progress.advance(task, sum(starts for _, starts in batch))
                    if [number, index] >= start[:2]:
                        places.append([number, index])
                        yield batch

        for row in encode_all(source(), Meta(), job.workers):
            yield places.popleft(), row


def _row_count(path: Path) -> int:
    from pyarrow import parquet

    try:
        return parquet.read_metadata(path).num_rows
    except (OSError, ValueError):  # `documents` says what is wrong with the file
        return 0


def _tell(folder: Path, meta: Meta, what: str) -> None:
    tokens = sum(info.tokens for info in meta.shards.values())
    print(f"{what}: {house.shown(folder)}: {len(meta.shards)} shards, the first validates, {tokens:,} tokens")


if __name__ == "__main__":
    sys.exit(cli.run("fineweb.py", main))
