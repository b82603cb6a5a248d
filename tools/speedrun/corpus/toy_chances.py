"""Random choices with exact probabilities: made by a `Writer`, read back from a finished text by a `Reader`.

A grammar calls the same four methods of either, so what is generated and what is scored cannot differ:

    say(text)             words that must follow
    put(token)            a token that must follow
    draw(table, without)  choose among the tokens of a table, those of `without` left out
    pick(options, odds)   choose among a few tokens that only this document knows; returns which (its index)

All weights are integers, and those of one table sum to TOTAL: no rounding, and the same bytes on every machine.
This module knows nothing of the language.
"""

import random
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, repeat
from typing import Protocol

BITS = 12  # random bits a choice
TOTAL = 1 << BITS

Distribution = dict[int, Fraction]  # probability by token; what is impossible is absent


@dataclass(frozen=True)
class Table:
    """What can be chosen (tokens, or the indexes of options) and integer weights that sum to TOTAL."""

    weights: dict[int, int]

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """Every choice as often as its weight: a uniform index into it is a draw."""
        return tuple(chain.from_iterable(repeat(choice, weight) for choice, weight in self.weights.items()))


def apportion(shares: Mapping[int, int]) -> Table:
    """A table in proportion to `shares`: nothing that is possible gets less than 1 of TOTAL, the largest gives way."""
    whole = sum(shares.values())
    weights = {choice: max(1, TOTAL * share // whole) for choice, share in shares.items() if share > 0}
    largest = max(weights, key=weights.__getitem__)
    weights[largest] += TOTAL - sum(weights.values())
    if weights[largest] <= 0:
        raise ValueError(f"{len(weights)} choices do not fit into {TOTAL}")
    return Table(weights)


def mixed(*parts: tuple[int, Sequence[int]]) -> Table:
    """A mixture: each part is a share and the choices that divide it by Zipf's law, in proportion to 1 / (rank + 1)."""
    shares: dict[int, int] = {}
    for share, choices in parts:
        weights = [10**9 // (rank + 1) for rank in range(len(choices))]
        for choice, weight in zip(choices, weights, strict=True):
            shares[choice] = shares.get(choice, 0) + share * weight * 10**9 // sum(weights)
    return apportion(shares)


class Pen(Protocol):
    """What a grammar writes with."""

    def say(self, text: str) -> None: ...

    def put(self, token: int) -> None: ...

    def draw(self, table: Table, without: Container[int] = ()) -> int: ...

    def pick(self, options: Sequence[int], odds: Table) -> int: ...


class Writer:
    """Makes the choices at random and collects the tokens."""

    def __init__(self, seed: int, tokens_of: Callable[[str], Sequence[int]]):
        self.tokens: list[int] = []
        self._bits = random.Random(seed).getrandbits
        self._tokens_of = tokens_of

    def say(self, text: str) -> None:
        self.tokens.extend(self._tokens_of(text))

    def put(self, token: int) -> None:
        self.tokens.append(token)

    def draw(self, table: Table, without: Container[int] = ()) -> int:
        token = table.slots[self._bits(BITS)]
        while token in without:
            token = table.slots[self._bits(BITS)]
        self.tokens.append(token)
        return token

    def pick(self, options: Sequence[int], odds: Table) -> int:
        index = odds.slots[self._bits(BITS)]
        self.tokens.append(options[index])
        return index


class EndOfGiven(Exception):
    """A Reader has read all of its tokens; `distribution` is that of the next one."""

    def __init__(self, distribution: Distribution):
        super().__init__("all given tokens are read")
        self.distribution = distribution


class Impossible(ValueError):
    """The text is not of the language."""


class Reader:
    """Follows given tokens instead of choosing, and notes (weight, out of what) of each in `odds`."""

    def __init__(self, tokens: Iterable[int], tokens_of: Callable[[str], Sequence[int]]):
        self.odds: list[tuple[int, int]] = []
        self._given: Iterator[int] = iter(tokens)
        self._tokens_of = tokens_of

    def _follow(self, weights: Mapping[int, int], out_of: int) -> int:
        for token in self._given:
            token = int(token)
            if token not in weights:
                raise Impossible(f"token {token} cannot stand at position {len(self.odds)} of the given text")
            self.odds.append((weights[token], out_of))
            return token
        raise EndOfGiven({token: Fraction(weight, out_of) for token, weight in weights.items()})

    def say(self, text: str) -> None:
        for token in self._tokens_of(text):
            self.put(token)

    def put(self, token: int) -> None:
        self._follow({token: 1}, 1)

    def draw(self, table: Table, without: Container[int] = ()) -> int:
        if not without:
            return self._follow(table.weights, TOTAL)
        left = {token: weight for token, weight in table.weights.items() if token not in without}
        return self._follow(left, sum(left.values()))

    def pick(self, options: Sequence[int], odds: Table) -> int:
        index_of = {options[index]: index for index in odds.weights}
        if len(index_of) < len(odds.weights):
            raise AssertionError(f"two of the options {options} are the same token: the grammar is ambiguous")
        token = self._follow({options[index]: weight for index, weight in odds.weights.items()}, TOTAL)
        return index_of[token]
