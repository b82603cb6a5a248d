"""The tables of the toy language: how often its grammar (toy_language.py) chooses each word of toy_words.py.

All figures that shape the language stand here: the percentages below decide how long documents are, how often a
question looks far back, and so how much a model with a long memory gains. Change one, and the corpus changes.
"""

from dataclasses import dataclass
from functools import cache

from speedrun.corpus.toy_chances import Table, mixed
from speedrun.corpus.toy_words import (
    ADJECTIVES,
    FACT_VERBS,
    FATES,
    MEN,
    NOOKS,
    PEOPLE_VERBS,
    RELATIONS,
    STATES,
    TIMES,
    TOPICS,
    WOMEN,
    Words,
    plural,
    third_person,
    token_of,
)

FEWEST_PEOPLE, MOST_PEOPLE = 3, 5
ONE_MORE_PERSON = 40  # percent, from the fewest on
FEWEST_SENTENCES, MOST_SENTENCES = 4, 14  # after the last person was introduced
LAST_SENTENCE = 18  # percent, from the fewest on

# The first word of a sentence is a choice among these and the names of the people, by NAME + index of the person.
STOP, RELATIVE, PRONOUN, TIME, CROWD, IS, DOES, WHAT, WHERE, WHO, QUOTE, NAME = range(12)
PERCENT = {PRONOUN: 24, TIME: 5, CROWD: 11, IS: 5, DOES: 5, WHAT: 3, WHERE: 5, WHO: 4, QUOTE: 4}  # names share the rest
PERSON_SHARES = 6, 3, 2, 2, 2  # of mentions, in the order in which people are introduced


@dataclass(frozen=True)
class Topic:
    """The tables that a topic colours."""

    places: Table
    roles: Table
    crowds: Table  # roles, in the singular or the plural
    adjectives: Table
    things: Table
    noun_phrase: Table  # an adjective, or at once a thing
    predicates: Table  # what one person does: any verb, or "and" and a second person
    plural_predicates: Table


@dataclass(frozen=True)
class Language:
    """All tables, and what the grammar must know of single tokens. People are counted, `n` of them, in order."""

    topics: tuple[Topic, ...]
    topic_of: dict[int, Topic]  # by the place where the document begins
    openings: Table
    names: dict[str, Table]  # by the letter of toy_words.RELATIONS
    who_can_be: dict[int, str]  # letter of each relation
    women: frozenset[int]
    plurals: frozenset[int]  # roles in the plural
    adjectives: frozenset[int]
    base: dict[int, int]  # of verbs in the third person
    third_person: dict[int, int]  # of base forms
    relations: Table
    fact_verbs: Table
    people_verbs: dict[bool, Table]  # by whether the subject is plural, as the next
    crowd_continues: dict[bool, Table]
    nooks: Table
    states: Table
    fates: Table
    times: Table
    articles: Table
    endings: Table
    endings_alone: Table  # where no other person may come in
    where_asks: Table
    who_asks: Table
    quotes: Table
    one_of: tuple[Table, ...]  # [n] one of n people: who was named early more often
    first_words: tuple[tuple[Table, ...], ...]  # [n][sentences since the last person was introduced]


def ids(text: str) -> list[int]:
    return [token_of()[word] for word in text.split()]


def _verbs(text: str, many: bool) -> list[int]:
    return [token_of()[verb if many else third_person(verb)] for verb in text.split()]


def _both_numbers(roles: str) -> list[int]:
    return [token_of()[form] for role in roles.split() for form in (role, plural(role))]


def _people(percent: int, count: int, first: int = 0) -> list[tuple[int, list[int]]]:
    """Parts of a mixture: `percent` shared by `count` people, of whom the first has index `first`."""
    shares = PERSON_SHARES[:count]
    return [(100 * percent * share // sum(shares), [first + index]) for index, share in enumerate(shares)]


def _everywhere(field: str) -> str:
    return " ".join(getattr(topic, field) for topic in TOPICS)


def _topic(at_home: Words) -> Topic:
    def coloured(field: str, home: int = 88) -> Table:
        return mixed((home, ids(getattr(at_home, field))), (100 - home, ids(_everywhere(field))))

    things, every_thing = ids(at_home.things), ids(_everywhere("things"))
    adjectives, common = ids(at_home.adjectives), ids(ADJECTIVES)
    return Topic(
        places=coloured("places"),
        roles=coloured("roles"),
        crowds=mixed((88, _both_numbers(at_home.roles)), (12, _both_numbers(_everywhere("roles")))),
        adjectives=mixed((45, adjectives), (50, common), (5, ids(_everywhere("adjectives")))),
        things=coloured("things"),
        noun_phrase=mixed((58, things), (7, every_thing), (15, adjectives), (15, common)),
        predicates=mixed(
            (30, _verbs(at_home.verbs, many=False)),
            (4, _verbs(_everywhere("verbs"), many=False)),
            (14, _verbs(PEOPLE_VERBS, many=False)),
            (14, ids("and")),
            (9, ids("takes")),
            (7, ids("cleans")),
            (6, ids("shows")),
            (10, ids("goes")),
            (6, ids("tells")),
        ),
        plural_predicates=mixed(
            (60, _verbs(at_home.verbs, many=True)),
            (8, _verbs(_everywhere("verbs"), many=True)),
            (16, _verbs(PEOPLE_VERBS, many=True)),
            (16, ids("go")),
        ),
    )


def _first_words(people: int, sentence: int) -> Table:
    if sentence >= MOST_SENTENCES:
        return mixed((100, [STOP]))
    if people < FEWEST_PEOPLE:
        return mixed((100, [RELATIVE]))
    parts = [(100 * percent, [choice]) for choice, percent in PERCENT.items()]
    parts += _people(100 - sum(PERCENT.values()), people, NAME)
    if sentence == 0 and people < MOST_PEOPLE:
        parts.append((10_000 * ONE_MORE_PERSON // (100 - ONE_MORE_PERSON), [RELATIVE]))
    if sentence >= FEWEST_SENTENCES:
        parts.append((10_000 * LAST_SENTENCE // (100 - LAST_SENTENCE), [STOP]))
    return mixed(*parts)


@cache
def language() -> Language:
    topics = tuple(_topic(topic) for topic in TOPICS)
    places = [ids(topic.places) for topic in TOPICS]
    both = f"{FACT_VERBS} {PEOPLE_VERBS}"
    return Language(
        topics=topics,
        topic_of={place: topic for topic, its_places in zip(topics, places, strict=True) for place in its_places},
        openings=mixed(*((1000 // (rank + 4), its_places) for rank, its_places in enumerate(places))),
        names={
            "W": mixed((100, ids(WOMEN))),
            "M": mixed((100, ids(MEN))),
            "B": mixed((50, ids(WOMEN)), (50, ids(MEN))),
        },
        who_can_be={token_of()[relation]: letter for relation, letter in RELATIONS.items()},
        women=frozenset(ids(WOMEN)),
        plurals=frozenset(_both_numbers(_everywhere("roles"))[1::2]),
        adjectives=frozenset(ids(_everywhere("adjectives") + " " + ADJECTIVES)),
        base=dict(zip(_verbs(both, many=False), _verbs(both, many=True), strict=True)),
        third_person=dict(zip(_verbs(both, many=True), _verbs(both, many=False), strict=True)),
        relations=mixed((100, ids(" ".join(RELATIONS)))),
        fact_verbs=mixed((100, _verbs(FACT_VERBS, many=False))),
        people_verbs={many: mixed((100, _verbs(PEOPLE_VERBS, many))) for many in (False, True)},
        crowd_continues={
            many: mixed((25, ids("are" if many else "is")), (40, ids("that")), (25, ids("who")), (10, ids("in")))
            for many in (False, True)
        },
        nooks=mixed((100, ids(NOOKS))),
        states=mixed((100, ids(STATES))),
        fates=mixed((100, ids(FATES))),
        times=mixed((100, ids(TIMES))),
        articles=mixed((70, ids("the")), (30, ids("a"))),
        endings=mixed((50, ids(".")), (15, ids("in")), (15, ids("because")), (20, ids("with"))),
        endings_alone=mixed((60, ids(".")), (20, ids("in")), (20, ids("because"))),
        where_asks=mixed((50, ids("is")), (50, ids("does"))),
        who_asks=mixed((60, ids("has")), (40, ids("is"))),
        quotes=mixed((60, ids("my")), (40, ids("where"))),
        one_of=tuple(mixed(*_people(100, max(count, 1))) for count in range(MOST_PEOPLE + 1)),
        first_words=tuple(
            tuple(_first_words(people, sentence) for sentence in range(MOST_SENTENCES + 1))
            for people in range(MOST_PEOPLE + 1)
        ),
    )
