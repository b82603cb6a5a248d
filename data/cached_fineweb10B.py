"""FineWeb's first 10B tokens as ready shards, tokenized for GPT-2: 103 training shards and one validation shard.

    python data/cached_fineweb10B.py          # all of it, about 21 GB
    python data/cached_fineweb10B.py 10       # the first 10 training shards, and the validation shard

Every file is checked against the size and sha256 that the hub states, once for as long as it stays unchanged. A call
that was interrupted goes on at the file where it stopped. The validation shard comes last, so that no training starts
on a part of what was asked for. Data: kjj0/fineweb10B-gpt2 on the Hugging Face hub; licence: see data/README.md.
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated

try:
    from speedrun import cli, house
except ModuleNotFoundError:
    print("cached_fineweb10B.py: run `make setup`, then .venv/bin/python data/cached_fineweb10B.py", file=sys.stderr)
    sys.exit(2)

from speedrun.corpus.builds import STAGING, locked
from speedrun.corpus.hub import HubFile, Listing, fetch, kept_listing
from speedrun.corpus.shards import HEADER_BYTES, read_header, shard_name
from speedrun.digests import Digests
from speedrun.errors import UserError
from typer import Argument, Option

REPO = "kjj0/fineweb10B-gpt2"
TRAIN_SHARDS = 103
SPARE = 1 << 28  # bytes of disk left free


def main(
    shards: Annotated[
        int, Argument(metavar="N", help="Training shards to fetch, of 100M tokens each.", min=1, max=TRAIN_SHARDS)
    ] = TRAIN_SHARDS,
    out: Annotated[Path | None, Option(help="Folder for the shards. [default: data/fineweb10B]")] = None,
) -> None:
    """Fetch the first N training shards and the validation shard of FineWeb10B.

    Example: python data/cached_fineweb10B.py 10
    """
    folder = out or house.root() / "data" / "fineweb10B"
    if (folder / "meta.json").exists():
        raise UserError(f"{folder} holds shards of our own making (meta.json); choose another --out")
    listing = kept_listing(folder, REPO)
    wanted = _wanted(listing, shards)
    with locked(folder):
        missing = _missing(wanted, folder)
        tokens = sum((file.bytes - HEADER_BYTES) // 2 for file in wanted)
        print(f"{len(wanted)} shards: {tokens:,} tokens, {sum(file.bytes for file in wanted):,} bytes")
        if missing:
            _fetch_all(listing, missing, folder)
    print(f"{'now' if missing else 'already'} in {house.shown(folder)}, and as the hub states")


def _wanted(listing: Listing, shards: int) -> list[HubFile]:
    """The first training shards, and the validation shard last."""
    files = {file.path: file for file in listing.files}
    names = [shard_name("fineweb", "train", number) for number in range(1, shards + 1)]
    names.append(shard_name("fineweb", "val", 0))
    if absent := [name for name in names if name not in files]:
        raise UserError(f"dataset {REPO} has no {absent[0]} (and {len(absent) - 1} more); is HF_ENDPOINT right?")
    return [files[name] for name in names]


def _missing(wanted: list[HubFile], folder: Path) -> list[HubFile]:
    """The files that are not in `folder` as the hub states them."""
    digests = Digests(folder)
    present = [file for file in wanted if _whole(folder / file.path, file)]
    sums = digests.of_all([folder / file.path for file in present], "checking the shards")
    digests.save()
    good = {file for file, digest in zip(present, sums, strict=True) if digest == file.sha256}
    return [file for file in wanted if file not in good]


def _whole(path: Path, file: HubFile) -> bool:
    try:
        return path.stat().st_size == file.bytes and read_header(path) >= 0
    except (FileNotFoundError, UserError):
        return False


def _fetch_all(listing: Listing, missing: list[HubFile], folder: Path) -> None:
    size, free = sum(file.bytes for file in missing), shutil.disk_usage(folder).free
    print(f"to fetch: {len(missing)} shards, {size:,} bytes; free on this disk: {free:,} bytes", flush=True)
    if size + SPARE > free:
        raise UserError(f"{folder}: {size:,} bytes do not fit on a disk with {free:,} free; ask for fewer shards")
    digests, staging = Digests(folder), folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    try:
        for number, file in enumerate(missing, start=1):
            print(f"{number}/{len(missing)} {file.path}", file=sys.stderr)
            path = fetch(listing, file, staging)
            read_header(path)
            digests.remember(path.replace(folder / file.path), file.sha256)
            digests.save()
    finally:
        shutil.rmtree(staging, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(cli.run("cached_fineweb10B.py", main))
