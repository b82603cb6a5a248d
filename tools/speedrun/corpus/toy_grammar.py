"""The grammar of the toy language: `Document` writes one document with a pen that draws, or with one that reads.

A document begins with the end-of-text token, has a topic that colours its words, and tells of three to five people.
Each keeps one thing in one nook (said early, needed again and again), is in some place (and moves), and is kin or
friend to the one named before. Every choice is among different next tokens, and all that the grammar remembers has
been said: the tokens so far fix its state, and the weight of a choice is the probability of the next token.

Each method's docstring is a sentence, or a piece of one, that it writes. How often what is chosen stands in
toy_tables.py, the words in toy_words.py, the pens in toy_chances.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from speedrun.corpus.toy_chances import Pen
from speedrun.corpus.toy_tables import (
    CROWD,
    DOES,
    IS,
    NAME,
    PRONOUN,
    QUOTE,
    RELATIVE,
    STOP,
    TIME,
    WHAT,
    WHERE,
    WHO,
    Language,
    Topic,
)
from speedrun.corpus.toy_words import PEOPLE_VERBS, third_person, token_of, vocabulary


@cache
def tokens_of(text: str) -> tuple[int, ...]:
    """The tokens of words divided by spaces."""
    return tuple(token_of()[word] for word in text.split())


@dataclass(slots=True, eq=False)
class Person:
    """What the document has said of one person, in tokens."""

    name: int
    pronoun: int
    possessive: int
    relation: int  # to the person introduced before; 0 for the first
    fact_verb: int
    adjective: int
    thing: int
    nook: int
    place: int  # where this person is now


class Document:
    """Writes one document with a pen, from after its end-of-text token to the next one, that included."""

    def __init__(self, pen: Pen, tables: Language):
        self.say, self.put, self.draw, self.pick = pen.say, pen.put, pen.draw, pen.pick
        self.tables = tables
        self.word = token_of()
        self.people: list[Person] = []
        self.names: list[int] = []
        self.used: set[int] = set()  # adjectives, things and nooks of facts: no two facts of a document share one
        self.subject: list[Person] = []  # whom the next "she", "he" or "they" means
        self.topic: Topic = tables.topics[0]  # until the opening
        self.home = 0  # the place of the opening, where everyone is at first

    def write(self) -> None:
        self.opening()
        first_words = [*tokens_of('<|endoftext|> her she one the is does what where who "'), *self.names]
        sentence = 0
        while True:
            first_words[RELATIVE] = self.people[-1].possessive
            first_words[PRONOUN] = self.pronoun(self.subject)
            choice = self.pick(first_words, self.tables.first_words[len(self.people)][sentence])
            if choice == STOP:
                return
            if choice == RELATIVE:
                self.relative()
                first_words.append(self.names[-1])
                continue
            sentence += 1
            if choice >= NAME:
                self.statement([self.people[choice - NAME]])
            else:
                SENTENCES[choice](self)

    # ---- people and facts

    def opening(self) -> None:
        """in the harbour , a lonely sailor named Mira keeps a red lantern in the cellar ."""
        self.say("in the")
        self.home = self.draw(self.tables.openings)
        self.topic = self.tables.topic_of[self.home]
        self.say(", a")
        self.draw(self.tables.states)
        self.draw(self.topic.roles)
        self.say("named")
        self.introduce("B")

    def relative(self) -> None:
        """her brother Tomas hides a long rope in the attic ."""
        relation = self.draw(self.tables.relations)
        self.introduce(self.tables.who_can_be[relation], relation)

    def introduce(self, letter: str, relation: int = 0) -> None:
        name = self.draw(self.tables.names[letter], self.names)
        pronoun, possessive = tokens_of("she her" if name in self.tables.women else "he his")
        fact_verb = self.draw(self.tables.fact_verbs)
        self.say("a")
        adjective = self.draw(self.topic.adjectives, self.used)
        thing = self.draw(self.topic.things, self.used)
        self.say("in the")
        nook = self.draw(self.tables.nooks, self.used)
        self.say(".")
        self.used.update((adjective, thing, nook))
        person = Person(name, pronoun, possessive, relation, fact_verb, adjective, thing, nook, self.home)
        self.people.append(person)
        self.names.append(name)
        self.subject = [person]

    def one_of(self, people: list[Person]) -> Person:
        return people[self.pick([person.name for person in people], self.tables.one_of[len(people)])]

    def someone_but(self, others: list[Person]) -> Person:
        return self.one_of([person for person in self.people if person not in others])

    def whose_thing(self) -> Person:
        """red lantern: one of the things kept, which tells whose."""
        adjectives = [person.adjective for person in self.people]
        owner = self.people[self.pick(adjectives, self.tables.one_of[len(adjectives)])]
        self.put(owner.thing)
        return owner

    def thing_of(self, person: Person) -> None:
        self.put(person.adjective)
        self.put(person.thing)

    def nook_of(self, person: Person) -> None:
        self.say("in the")
        self.put(person.nook)
        self.say(".")

    def pronoun(self, people: list[Person]) -> int:
        return people[0].pronoun if len(people) == 1 else self.word["they"]

    # ---- what people do

    def statement(self, subject: list[Person]) -> None:
        """Mira mends ... / Mira and Tomas mend ... : all after the first name, or after the pronoun."""
        verb = self.draw(self.topic.predicates if len(subject) == 1 else self.topic.plural_predicates)
        if verb == self.word["and"]:
            subject = [*subject, self.someone_but(subject)]
            verb = self.draw(self.topic.plural_predicates)
        self.subject = subject
        PREDICATES.get(vocabulary()[verb], Document.handles)(self, subject)

    def handles(self, subject: list[Person]) -> None:
        """mends the wet net ..."""
        self.draw(self.tables.articles)
        if self.draw(self.topic.noun_phrase) in self.tables.adjectives:
            self.draw(self.topic.things)
        self.ending(subject)

    def meets(self, subject: list[Person]) -> None:
        """meets Tomas ..."""
        self.someone_but(subject)
        self.ending(subject, alone=True)

    def goes(self, subject: list[Person]) -> None:
        """goes to the market ."""
        self.say("to the")
        place = self.draw(self.topic.places)
        for person in subject:
            person.place = place
        self.say(".")

    def takes(self, subject: list[Person]) -> None:
        """takes her red lantern to the market ."""
        self.put(subject[0].possessive)
        self.thing_of(subject[0])
        self.goes(subject)

    def cleans(self, subject: list[Person]) -> None:
        """cleans her red lantern ..."""
        self.put(subject[0].possessive)
        self.thing_of(subject[0])
        self.ending(subject)

    def shows(self, subject: list[Person]) -> None:
        """shows Tomas her red lantern ."""
        self.someone_but(subject)
        self.put(subject[0].possessive)
        self.thing_of(subject[0])
        self.say(".")

    def tells(self, subject: list[Person]) -> None:
        """tells Tomas that Anna hides a long rope in the attic ."""
        listener = self.someone_but(subject)
        self.say("that")
        other = self.someone_but([listener, *subject])
        self.put(other.fact_verb)
        self.say("a")
        self.thing_of(other)
        self.nook_of(other)

    def ending(self, subject: list[Person], alone: bool = False) -> None:
        """. / in the market . / because she is tired . / with Anna ."""
        first = self.draw(self.tables.endings_alone if alone else self.tables.endings)
        if first == self.word["."]:
            return
        if first == self.word["with"]:
            self.someone_but(subject)
        elif first == self.word["in"]:
            self.say("the")
            self.draw(self.topic.places)
        else:
            self.put(self.pronoun(subject))
            self.say("is" if len(subject) == 1 else "are")
            self.draw(self.tables.states)
        self.say(".")

    # ---- other sentences; their first word has been said

    def continued(self) -> None:
        """she cleans her red lantern ."""
        self.statement(self.subject)

    def timed(self) -> None:
        """one morning , Mira mends the net ."""
        self.draw(self.tables.times)
        self.say(",")
        self.statement([self.one_of(self.people)])

    def crowd(self) -> None:
        """the sailors that Mira helps are tired . / the pilot who helps Mira is tired . / the sailors are tired ."""
        many = self.draw(self.topic.crowds) in self.tables.plurals
        agreeing = "are" if many else "is"
        clause = self.draw(self.tables.crowd_continues[many])
        if clause == self.word["that"]:
            self.one_of(self.people)
            self.draw(self.tables.people_verbs[False])
            self.say(agreeing)
        elif clause == self.word["who"]:
            self.draw(self.tables.people_verbs[many])
            self.one_of(self.people)
            self.say(agreeing)
        elif clause == self.word["in"]:
            self.say("the")
            self.draw(self.topic.places)
            self.say(agreeing)
        self.draw(self.tables.states)
        self.say(".")

    def asks_state(self) -> None:
        """is Mira tired ? yes , Mira is tired ."""
        person = self.one_of(self.people)
        state = self.draw(self.tables.states)
        self.say("? yes ,")
        self.put(person.name)
        self.say("is")
        self.put(state)
        self.say(".")
        self.subject = [person]

    def asks_deed(self) -> None:
        """does Mira help Tomas ? yes , Mira helps Tomas ."""
        person = self.one_of(self.people)
        verb = self.draw(self.tables.people_verbs[True])
        other = self.someone_but([person])
        self.say("? yes ,")
        self.put(person.name)
        self.put(self.tables.third_person[verb])
        self.put(other.name)
        self.say(".")
        self.subject = [person]

    def what(self) -> None:
        """what does Mira keep ? a red lantern ."""
        self.say("does")
        person = self.one_of(self.people)
        self.put(self.tables.base[person.fact_verb])
        self.say("? a")
        self.thing_of(person)
        self.say(".")
        self.subject = [person]

    def where(self) -> None:
        """where is Mira ? in the market . / where does Mira keep the red lantern ? in the cellar ."""
        asked = self.draw(self.tables.where_asks)
        person = self.one_of(self.people)
        if asked == self.word["is"]:
            self.say("? in the")
            self.put(person.place)
            self.say(".")
        else:
            self.put(self.tables.base[person.fact_verb])
            self.say("the")
            self.thing_of(person)
            self.say("?")
            self.nook_of(person)
        self.subject = [person]

    def who(self) -> None:
        """who has the red lantern ? Mira . / who is Mira 's brother ? Tomas ."""
        if self.draw(self.tables.who_asks) == self.word["has"]:
            self.say("the")
            answer = self.whose_thing()
        else:
            asked = self.one_of(self.people[:-1])
            answer = self.people[self.people.index(asked) + 1]
            self.say("'s")
            self.put(answer.relation)
        self.say("?")
        self.put(answer.name)
        self.say(".")
        self.subject = [answer]

    def quote(self) -> None:
        """ " my red lantern is lost ! " says Mira . / " where is my red lantern ? " asks Mira ."""
        if self.draw(self.tables.quotes) == self.word["my"]:
            speaker = self.whose_thing()
            self.say("is")
            self.draw(self.tables.fates)
            self.say('! " says')
        else:
            self.say("is my")
            speaker = self.whose_thing()
            self.say('? " asks')
        self.put(speaker.name)
        self.say(".")
        self.subject = [speaker]


SENTENCES = {
    PRONOUN: Document.continued,
    TIME: Document.timed,
    CROWD: Document.crowd,
    IS: Document.asks_state,
    DOES: Document.asks_deed,
    WHAT: Document.what,
    WHERE: Document.where,
    WHO: Document.who,
    QUOTE: Document.quote,
}
PREDICATES: dict[str, Callable[[Document, list[Person]], None]] = {
    "takes": Document.takes,
    "cleans": Document.cleans,
    "shows": Document.shows,
    "tells": Document.tells,
    "goes": Document.goes,
    "go": Document.goes,
    **{verb: Document.meets for base in PEOPLE_VERBS.split() for verb in (base, third_person(base))},
}
