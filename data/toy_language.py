"""Token shards of the toy language: a small made-up English whose entropy is known exactly. Nothing is downloaded.

    python data/toy_language.py
    python data/toy_language.py --train-tokens 20_000_000 --out data/toy_language_20M

Same arguments, same bytes, on every machine. The validation shard depends on --seed and --val-tokens alone, and
meta.json states its floor: the loss that no honest model can beat. A call that is repeated with the same arguments
does nothing. The language itself stands in tools/speedrun/corpus/toy_language.py.
"""

import sys
from pathlib import Path
from typing import Annotated

try:
    from speedrun import cli, house
except ModuleNotFoundError:
    print("toy_language.py: run `make setup`, then .venv/bin/python data/toy_language.py", file=sys.stderr)
    sys.exit(2)

from speedrun.corpus.builds import building, intact
from speedrun.corpus.shards import MOST_TOKENS, Floor, Meta, shard_name
from speedrun.progress import bars
from typer import Option

NAME = "toy_language"


def main(
    train_tokens: Annotated[int, Option(help="Tokens to train on.", min=2, max=MOST_TOKENS)] = 4_000_000,
    val_tokens: Annotated[int, Option(help="Tokens to validate on.", min=2, max=MOST_TOKENS)] = 131_072,
    seed: Annotated[int, Option(help="Another seed gives another text of the same language.", min=0)] = 1,
    out: Annotated[Path | None, Option(help="Folder for the shards. [default: data/toy_language]")] = None,
) -> None:
    """Make a training and a validation shard of the toy language.

    Example: python data/toy_language.py
    """
    from speedrun.corpus.toy_language import fingerprint

    folder = out or house.root() / "data" / NAME
    source = {
        "made_by": "data/toy_language.py",
        "language": fingerprint(),
        "train_tokens": train_tokens,
        "val_tokens": val_tokens,
        "seed": seed,
    }
    if meta := intact(folder, source):
        _tell(folder, meta, "already made")
    else:
        _tell(folder, _make(folder, source, {"val": val_tokens, "train": train_tokens}, seed), "made")


def _make(folder: Path, source: dict, sizes: dict[str, int], seed: int) -> Meta:
    import numpy as np
    from speedrun.corpus.toy_language import chunks, floor
    from speedrun.corpus.toy_words import END_OF_TEXT, vocabulary

    lowest = Floor(0.0, 0)
    with building(folder, NAME, source) as build, bars() as progress:
        task = progress.add_task("writing", total=sum(sizes.values()))
        for split, size in sizes.items():
            parts = []
            for part in chunks(split, seed, size):
                parts.append(part)
                progress.advance(task, len(part))
            tokens = np.concatenate(parts)
            build.add(shard_name(NAME, split, 0 if split == "val" else 1), tokens)
            if split == "val":
                lowest = Floor(floor(tokens), size - 1)
        meta = Meta("words", len(vocabulary()), END_OF_TEXT, vocabulary(), floor=lowest)
        return build.finish(meta)


def _tell(folder: Path, meta: Meta, what: str) -> None:
    for name, info in meta.shards.items():
        print(f"{what}: {house.shown(folder / name)}: {info.tokens:,} tokens")
    if meta.floor:
        print(f"floor: {meta.floor.nats_per_token:.6f} nats a token; {meta.vocab_size:,} ids")


if __name__ == "__main__":
    sys.exit(cli.run("toy_language.py", main))
