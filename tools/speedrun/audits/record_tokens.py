"""How many tokens the programs of some records train on, which the archive's logs do not state.

    millions_of_tokens(claim)       # 653; None where it is not known

record_tokens.toml has them. A record number alone does not do: another archive may count differently, so an entry
holds only where its words stand in the row's description.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from speedrun.audits.claims import Claim


class Known(NamedTuple):
    words: str
    millions: int


def millions_of_tokens(claim: Claim) -> int | None:
    known = _known().get((claim.track, claim.record))
    return known.millions if known and known.words in claim.description else None


@cache
def _known() -> dict[tuple[int, int], Known]:
    table = tomllib.loads(Path(__file__).with_name("record_tokens.toml").read_text(encoding="utf-8"))
    return {(1, one["record"]): Known(one["words"], one["millions"]) for one in table["track_1"]}
