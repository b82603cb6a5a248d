"""The words of the toy language: what its grammar (toy_language.py) chooses from, and the token id of each word.

The order of the words is part of the language: earlier words of a list are drawn more often, and ids follow the order.
Adjectives and things begin with a consonant ("a" is the only article), and roles and verbs take a plain "s".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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
        things="net rope sail lantern barrel paddle shell raft pearl compass",
        verbs="mend row haul steer tow moor",
        adjectives="salty wet tarred slippery foggy drifting",
    ),
    Words(
        places="kitchen bakery tavern pantry dairy brewery",
        roles="baker cook waiter butcher brewer",
        things="kettle spoon pan loaf pie jug knife teapot pudding whisk",
        verbs="stir taste peel chop roast boil",
        adjectives="sweet spicy burnt tasty sour buttery",
    ),
    Words(
        places="castle courtyard chapel ballroom dungeon gatehouse",
        roles="knight squire jester herald duke",
        things="crown sword shield banner throne goblet helmet ring sceptre tapestry",
        verbs="raise praise claim steal wield defend",
        adjectives="royal golden noble jewelled regal gilded",
    ),
    Words(
        places="forest glade thicket grove clearing ravine",
        roles="hunter ranger woodcutter trapper hermit",
        things="bow trap log mushroom feather nest twig berry snare pinecone",
        verbs="track spot collect chase split burn",
        adjectives="mossy wild leafy thorny shady crooked",
    ),
    Words(
        places="market bazaar shop arcade warehouse bank",
        roles="merchant trader tailor pedlar jeweller",
        things="coin basket scarf carpet mirror purse vase ribbon necklace melon",
        verbs="sell buy weigh wrap trade count",
        adjectives="cheap shiny costly rare silky fashionable",
    ),
    Words(
        places="school classroom library playground hall gymnasium",
        roles="teacher pupil student scholar librarian",
        things="book map pencil notebook globe ruler slate satchel dictionary chalkboard",
        verbs="read borrow draw explain mark memorise",
        adjectives="clever printed difficult boring learned tidy",
    ),
    Words(
        places="farmyard barn meadow stable pasture hayloft",
        roles="farmer shepherd rider milkmaid drover",
        things="saddle fence bucket plough cart harness pitchfork haystack churn scarecrow",
        verbs="feed drive gather herd groom milk",
        adjectives="muddy dusty woolly shaggy hungry fertile",
    ),
    Words(
        places="workshop forge sawmill pottery garage foundry",
        roles="carpenter blacksmith builder potter mechanic",
        things="hammer ladder nail saw drill plank wheel bench chisel wrench",
        verbs="repair build paint measure weld oil",
        adjectives="rusty wooden broken sturdy greasy blunt",
    ),
    Words(
        places="theatre studio gallery circus opera cinema",
        roles="actor singer dancer painter juggler",
        things="violin mask costume drum flute poster curtain puppet trumpet piano",
        verbs="play tune design rehearse applaud admire",
        adjectives="loud colourful dramatic graceful velvet musical",
    ),
    Words(
        places="garden greenhouse orchard park vineyard nursery",
        roles="gardener florist beekeeper botanist grower",
        things="rose tulip rake pumpkin hose seedling beehive tomato pot wheelbarrow",
        verbs="plant water pick trim prune harvest",
        adjectives="ripe fresh fragrant sunny blooming juicy",
    ),
    Words(
        places="station tunnel depot crossing carriage signalbox",
        roles="driver conductor porter traveller stoker",
        things="ticket suitcase whistle parcel timetable trolley bell lever shovel locomotive",
        verbs="check pull load deliver inspect stamp",
        adjectives="fast late noisy crowded steamy punctual",
    ),
    Words(
        places="valley cabin gorge mine quarry monastery",
        roles="climber miner guide monk goatherd",
        things="pickaxe backpack crystal sled boulder tent torch blanket staff nugget",
        verbs="find lift drag carve dig melt",
        adjectives="snowy rocky frozen heavy steep rugged",
    ),
    Words(
        places="laboratory museum hospital observatory clinic pharmacy",
        roles="doctor nurse chemist surgeon astronomer",
        things="microscope telescope bottle fossil magnet bandage potion pill skeleton thermometer",
        verbs="test examine label heat record scan",
        adjectives="strange sterile precise poisonous fragile chemical",
    ),
)

WOMEN = """
Anna Mira Clara Lena Rosa Nora Ida Maja Ella Vera Greta Sofia Lucy Hanna Marta Julia Nina Edith Freya Ruth
Alma Bella Cora Dora Elsa Fiona Gwen Hilda Irene Jana Kira Laura Mona Nadia Olga Petra Rita Sara Tina Ursula
Wanda Yara Zora Agnes Berta Carla Daria Emma Flora Grace Helen Iris Jenny Karin Lotte Mabel Nelly Olive Paula Rhea
Selma Thea Una Viola Wilma Xenia Yvonne Zelda Amina Bianca Celia Diana Esther Frida Gloria Heidi Inga Joan Klara Linda
Milla Naomi Odette Pia Regina Stella Tessa Ulla Vilma Willa Ysolde Zita Astrid Beate Cleo Delia Erna Fanny Gerda Honor
""".split()

MEN = """
Tomas Peter Jonas Oskar Emil Anton Felix Hugo Karl Leo Max Niko Otto Paul Simon Viktor Adam Bruno David Erik
Frank Georg Henry Ivan Jakob Kurt Lukas Martin Noah Oliver Philip Robert Stefan Theo Urban Walter Xaver Yuri Zeno Alfred
Boris Conrad Dirk Edgar Fritz Gustav Hans Igor Julius Kaspar Ludwig Marek Nils Olaf Pablo Quentin Rolf Samuel Tobias Ulrich
Vincent Werner Xander Yannick Zoltan Arthur Basil Casimir Daniel Egon Fabian Gregor Harald Isak Joel Klemens Lars Moritz Nathan Oswin
Patrick Ralf Sven Tim Uwe Valentin Wilhelm Yorick Zacharias Albin Bernd Clemens Dominik Elias Ferdinand Gilbert Hektor Ismael Justus Kilian
""".split()

ADJECTIVES = """red blue green black white tiny big round yellow long purple striped brown narrow grey square
dark thin silver short pink hollow pale curved""".split()
NOOKS = """cellar attic shed drawer cupboard box tower chest closet cave bag wardrobe stove well trunk corner
hallway tree crate loft""".split()
STATES = """tired happy sad angry ready proud lonely brave sleepy calm nervous bored curious thirsty afraid lucky""".split()
FATES = "lost gone dirty stolen ruined safe hidden precious".split()
TIMES = "morning day evening night summer winter afternoon autumn".split()
FACT_VERBS = "keep hide store guard".split()
PEOPLE_VERBS = "help meet see visit follow trust invite know".split()
POSSESSION_VERBS = "take clean show".split()
OTHER_VERBS = "go tell".split()
RELATIONS = {  # of whom; the first letter says who can be one: Women, Men or Both
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
PLAIN = """. , ? ! " a the in to and that who what where with because one named my 's
she he they her his is are has does says asks""".split()


def plural(role: str) -> str:
    return role + "s"


def third_person(verb: str) -> str:
    """The form after she or he; the base form serves they, and "does ... ?"."""
    return verb + ("es" if verb == "go" else "s")


def _in_order_of_ids() -> Iterator[str]:
    yield "<|endoftext|>"
    yield from PLAIN
    for verb in FACT_VERBS + PEOPLE_VERBS + POSSESSION_VERBS + OTHER_VERBS:
        yield from (verb, third_person(verb))
    yield from RELATIONS
    for words in (WOMEN, MEN, ADJECTIVES, NOOKS, STATES, FATES, TIMES):
        yield from words
    for topic in TOPICS:
        for role in topic.roles.split():
            yield from (role, plural(role))
        for verb in topic.verbs.split():
            yield from (verb, third_person(verb))
        yield from f"{topic.places} {topic.things} {topic.adjectives}".split()


@lru_cache
def vocabulary() -> tuple[str, ...]:
    """Word by token id. No word stands twice, so a text has one spelling in tokens."""
    return tuple(_in_order_of_ids())


@lru_cache
def token_of() -> dict[str, int]:
    return {word: token for token, word in enumerate(vocabulary())}
