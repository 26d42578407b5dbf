"""Singular and plural of English words, as far as names of models need them.

The library ``inflection`` has the regular rules and many exceptions; it is wrong on words that are
common as names of models (``status``, ``cache``, ``leaf``, ``cafe``, ``lens``). The tables and
rules here come first. A word that is both (``news``, ``series``, ``sheep``, ``data``) is its own
plural.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import inflection

from ._word_lists import pairs, words

_INVARIABLE: Final = words(
    """
    aircraft analytics athletics audio aws barracks bison chassis clothes cms cod corps credentials
    crossroads css data debris deer dns earnings economics electronics equipment evidence feedback
    fish furniture gallows glasses goods gps gymnastics hardware headquarters homework https
    information ios jeans knowledge linguistics logistics luggage mathematics means media
    memorabilia metadata money moose mumps music news offspring os pants physics police politics
    pyjamas rice rss salmon savings scissors series sheep shorts shrimp sms software spacecraft
    species squid statistics swine thanks tls traffic trivia trousers trout tuna weather wildlife
    """
)

_IRREGULAR: Final = MappingProxyType(
    pairs(
        """
        person:people child:children man:men woman:women ox:oxen mouse:mice louse:lice goose:geese
        foot:feet tooth:teeth die:dice penny:pennies cow:cows blouse:blouses

        leaf:leaves loaf:loaves thief:thieves half:halves calf:calves self:selves shelf:shelves
        elf:elves wolf:wolves knife:knives life:lives wife:wives scarf:scarves hoof:hooves
        sheaf:sheaves wharf:wharves dwarf:dwarves
        cafe:cafes safe:safes giraffe:giraffes carafe:carafes roof:roofs chief:chiefs brief:briefs
        belief:beliefs proof:proofs reef:reefs relief:reliefs staff:staffs cliff:cliffs
        tariff:tariffs sheriff:sheriffs handkerchief:handkerchiefs

        criterion:criteria phenomenon:phenomena datum:data medium:mediums bacterium:bacteria
        stratum:strata quantum:quanta erratum:errata curriculum:curricula addendum:addenda
        memorandum:memoranda alumna:alumnae larva:larvae chateau:chateaux
        bureau:bureaus plateau:plateaus
        spectrum:spectra referendum:referendums forum:forums album:albums museum:museums
        stadium:stadiums premium:premiums aquarium:aquariums

        analysis:analyses basis:bases crisis:crises thesis:theses oasis:oases ellipsis:ellipses
        axis:axes diagnosis:diagnoses hypothesis:hypotheses parenthesis:parentheses
        synthesis:syntheses emphasis:emphases prognosis:prognoses neurosis:neuroses
        iris:irises tennis:tennises pelvis:pelvises clematis:clematises

        index:indices vertex:vertices matrix:matrices appendix:appendices codex:codices
        suffix:suffixes prefix:prefixes annex:annexes complex:complexes

        cactus:cacti fungus:fungi nucleus:nuclei radius:radii stimulus:stimuli alumnus:alumni
        locus:loci bacillus:bacilli
        octopus:octopuses virus:viruses syllabus:syllabuses corpus:corpora genus:genera opus:opuses
        focus:focuses menu:menus guru:gurus emu:emus gnu:gnus haiku:haikus tofu:tofus

        hero:heroes potato:potatoes tomato:tomatoes echo:echoes veto:vetoes torpedo:torpedoes
        embargo:embargoes mosquito:mosquitoes

        shoe:shoes toe:toes hoe:hoes foe:foes woe:woes canoe:canoes oboe:oboes doe:does floe:floes
        aloe:aloes
        cache:caches ache:aches headache:headaches toothache:toothaches backache:backaches
        niche:niches avalanche:avalanches moustache:moustaches brioche:brioches
        quiche:quiches cliche:cliches creche:creches psyche:psyches microfiche:microfiches
        axe:axes

        quiz:quizzes fez:fezzes whiz:whizzes buzz:buzzes waltz:waltzes quartz:quartzes
        topaz:topazes blitz:blitzes jazz:jazzes fizz:fizzes

        movie:movies cookie:cookies rookie:rookies selfie:selfies pie:pies tie:ties lie:lies
        calorie:calories zombie:zombies brownie:brownies hoodie:hoodies genie:genies newbie:newbies
        freebie:freebies smoothie:smoothies foodie:foodies goalie:goalies veggie:veggies
        hippie:hippies magpie:magpies necktie:neckties birdie:birdies prairie:prairies
        sortie:sorties pixie:pixies techie:techies groupie:groupies auntie:aunties
        base:bases case:cases phase:phases phrase:phrases purchase:purchases release:releases
        lease:leases disease:diseases database:databases showcase:showcases
        stomach:stomachs monarch:monarchs patriarch:patriarchs matriarch:matriarchs eunuch:eunuchs
        epoch:epochs tech:techs
        human:humans german:germans roman:romans talisman:talismans shaman:shamans

        passerby:passersby sex:sexes yes:yeses
        """
    )
)

# Endings of compounds (``snowman``, ``bookshelf``), and of words from the Greek (``paralysis``).
_ENDINGS: Final = tuple(
    pairs(
        """
        man:men person:people child:children tooth:teeth mouse:mice knife:knives shelf:shelves
        wolf:wolves wife:wives life:lives leaf:leaves thief:thieves base:bases lysis:lyses
        phosis:phoses tharsis:tharses
        """
    ).items()
)

# Nouns that end in -use; other plurals in -uses are those of words in -us.
_IN_USE: Final = words(
    """
    abuse excuse fuse hypotenuse misuse muse overuse profuse recluse refuse reuse ruse use
    """
)

# Singulars that end like a plural, and have a regular one.
_SINGULARS: Final = words(
    """
    access address alias atlas bias bonus boss bus business bypass campus canvas census chaos
    chorus christmas circus citrus class compass consensus cosmos cross discus dress ethos express
    fortress glass gas grass harness hiatus illness ibis impetus kiss lens loss mantis mass mattress
    mess minibus moss nexus omnibus overpass pancreas papyrus pass pathos plus press princess
    process progress pus rebus recess rhinoceros rumpus sinus stress success surplus status
    summons terminus torus trellis underpass uterus waitress walrus witness wilderness
    """
)

# Plurals whose ending is that of a singular (-us, -is).
_PLURALS_IN_IS: Final = words(
    """
    alibis apis bikinis bonsais corgis emojis graffitis guis jacuzzis khakis kiwis kpis
    origamis pis rabbis safaris saris skis spaghettis sushis taxis tsunamis uris
    wikis yetis zucchinis
    """
)
_PLURALS_IN_US: Final = words("caribous bayous cpus gpus tutus tpus impromptus")

_SINGULAR_OF: Final = MappingProxyType(
    {
        plural: singular
        for singular, plural in _IRREGULAR.items()
        if plural not in _INVARIABLE
        and (singular, plural) not in {("basis", "bases"), ("axe", "axes")}
    }
)


def singularize(word: str) -> str:
    """Return the singular of a word in lower case, which may be a singular already."""
    if word in _INVARIABLE or word in _IRREGULAR or word in _SINGULARS:
        return word
    if word in _SINGULAR_OF:
        return _SINGULAR_OF[word]
    if word.endswith("es") and word[:-2] in _SINGULARS:
        return word[:-2]
    return _singular_by_ending(word)


def _singular_by_ending(word: str) -> str:
    for singular, plural in _ENDINGS:
        if _is_compound(word, plural):
            return f"{word.removesuffix(plural)}{singular}"
    if word.endswith("uses") and not word.endswith(("ouses", "auses")):
        return word[:-1] if word[:-1] in _IN_USE else word[:-2]
    if word.endswith("ves"):
        return word[:-1]
    return word if _looks_singular(word) else inflection.singularize(word)


def _is_compound(word: str, ending: str) -> bool:
    return word.endswith(ending) and len(word) > len(ending) + 1


def _looks_singular(word: str) -> bool:
    if word.endswith("us"):
        return word not in _PLURALS_IN_US
    if word.endswith("is"):
        return word not in _PLURALS_IN_IS
    return not word.endswith("s") or word.endswith("ss") or len(word) <= len("as")


def pluralize(word: str) -> str:
    """Return the plural of a singular in lower case."""
    if word in _INVARIABLE:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for singular, plural in _ENDINGS:
        if _is_compound(word, singular):
            return f"{word.removesuffix(singular)}{plural}"
    return _plural_by_ending(word)


def _plural_by_ending(word: str) -> str:
    if word.endswith("sis"):
        return f"{word[:-2]}es"
    if word.endswith(("s", "x", "z", "sh")):
        return f"{word}es"
    if word.endswith(("f", "fe", "um", "on", "o", "ta", "ia", "ice")):
        return f"{word}s"
    return inflection.pluralize(word)
