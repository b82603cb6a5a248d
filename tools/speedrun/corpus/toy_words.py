"""The words of the toy language: what its grammar (toy_language.py) chooses from, and the token id of each word.

The order of the words is part of the language: earlier words of a list are drawn more often, and ids follow the order.
Adjectives and things begin with a consonant ("a" is the only article), and roles and verbs take a plain "s".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

END_OF_TEXT = 0  # its token id


@dataclass(frozen=True)
class Words:
    """The words at home in one topic. Those of other topics turn up too, but seldom."""

    places: str
    roles: str
    things: str
    verbs: str
    adjectives: str


TOPICS = (
    Words(
        places="harbour lighthouse bay boathouse lagoon dockyard",
        roles="sailor captain fisher diver pilot",
        things="net rope sail lantern barrel paddle shell raft",
        verbs="mend row haul steer tow moor",
        adjectives="salty wet tarred slippery foggy drifting",
    ),
    Words(
        places="kitchen bakery tavern pantry dairy brewery",
        roles="baker cook waiter butcher brewer",
        things="kettle spoon pan loaf pie jug knife teapot",
        verbs="stir taste peel chop roast boil",
        adjectives="sweet spicy burnt tasty sour buttery",
    ),
    Words(
        places="castle courtyard chapel ballroom dungeon gatehouse",
        roles="knight squire jester herald duke",
        things="crown sword shield banner throne goblet helmet ring",
        verbs="raise praise claim steal wield defend",
        adjectives="royal golden noble jewelled regal gilded",
    ),
    Words(
        places="forest glade thicket grove clearing ravine",
        roles="hunter ranger woodcutter trapper hermit",
        things="bow trap log mushroom feather nest twig berry",
        verbs="track spot collect chase split burn",
        adjectives="mossy wild leafy thorny shady crooked",
    ),
    Words(
        places="market bazaar shop arcade warehouse bank",
        roles="merchant trader tailor pedlar jeweller",
        things="coin basket scarf carpet mirror purse vase ribbon",
        verbs="sell buy weigh wrap trade count",
        adjectives="cheap shiny costly rare silky fashionable",
    ),
    Words(
        places="school classroom library playground hall gymnasium",
        roles="teacher pupil student scholar librarian",
        things="book map pencil notebook globe ruler slate satchel",
        verbs="read borrow draw explain mark memorise",
        adjectives="clever printed difficult boring learned tidy",
    ),
    Words(
        places="farmyard barn meadow stable pasture hayloft",
        roles="farmer shepherd rider milkmaid drover",
        things="saddle fence bucket plough cart harness pitchfork haystack",
        verbs="feed drive gather herd groom milk",
        adjectives="muddy dusty woolly shaggy hungry fertile",
    ),
    Words(
        places="workshop forge sawmill pottery garage foundry",
        roles="carpenter blacksmith builder potter mechanic",
        things="hammer ladder nail saw drill plank wheel bench",
        verbs="repair build paint measure weld oil",
        adjectives="rusty wooden broken sturdy greasy blunt",
    ),
)

WOMEN = "Anna Mira Clara Lena Rosa Nora Ida Maja Ella Vera Greta Lucy"
MEN = "Tomas Peter Jonas Oskar Emil Anton Felix Hugo Karl Leo Max Niko"
ADJECTIVES = "red blue green black white tiny big round yellow long purple"
NOOKS = "cellar attic shed drawer cupboard box tower chest closet cave bag wardrobe stove well trunk corner"
STATES = "tired happy sad cheerful proud lonely brave sleepy calm nervous bored curious thirsty lucky furious worried"
FATES = "lost gone dirty stolen ruined safe hidden precious"
TIMES = "morning day evening night summer winter afternoon autumn"
FACT_VERBS = "keep hide store guard"
PEOPLE_VERBS = "help meet see visit follow trust invite know"
RELATIONS = {  # who can be one: a woman, a man or both
    "brother": "M",
    "sister": "W",
    "friend": "B",
    "uncle": "M",
    "aunt": "W",
    "neighbour": "B",
    "cousin": "B",
    "father": "M",
    "mother": "W",
}
PLAIN = """. , ? ! " a the in to and that who what where with because one named my yes 's
she he they her his is are has does says asks takes cleans shows tells go goes"""


def plural(role: str) -> str:
    return role + "s"


def third_person(verb: str) -> str:
    """The form after she or he; the base form serves they, and what follows "does"."""
    return verb + "s"


def _in_order_of_ids() -> Iterator[str]:
    yield "<|endoftext|>"
    yield from PLAIN.split()
    for verb in f"{FACT_VERBS} {PEOPLE_VERBS}".split():
        yield from (verb, third_person(verb))
    yield from RELATIONS
    yield from f"{WOMEN} {MEN} {ADJECTIVES} {NOOKS} {STATES} {FATES} {TIMES}".split()
    for topic in TOPICS:
        for role in topic.roles.split():
            yield from (role, plural(role))
        for verb in topic.verbs.split():
            yield from (verb, third_person(verb))
        yield from f"{topic.places} {topic.things} {topic.adjectives}".split()


@cache
def vocabulary() -> tuple[str, ...]:
    """Word by token id. No word stands twice, so a text has one spelling in tokens."""
    return tuple(_in_order_of_ids())


@cache
def token_of() -> dict[str, int]:
    return {word: token for token, word in enumerate(vocabulary())}
