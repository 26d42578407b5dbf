from __future__ import annotations

import ast
import keyword
import re
import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_cli.scaffolding import ModelName
from photon_runtime.generators import GeneratorError

PAIRS = """
post posts · person people · news news · series series · status statuses · data data · box boxes
category categories · child children · ox oxen · bus buses · analysis analyses · sheep sheep
leaf leaves · cafe cafes · quiz quizzes · criterion criteria · media media · device devices
movie movies · shoe shoes · cookie cookies · cache caches · address addresses
process processes · access accesses · business businesses · boss bosses · bonus bonuses
campus campuses · canvas canvases · census censuses · corpus corpora · lens lenses · atlas atlases
gas gases · bias biases · iris irises · alias aliases · virus viruses · octopus octopuses
cactus cacti · radius radii · stimulus stimuli · syllabus syllabuses · genus genera · focus focuses
menu menus · guru gurus · taxi taxis · wiki wikis · api apis · emoji emojis · kiwi kiwis
basis bases · crisis crises · thesis theses · oasis oases · axis axes · hypothesis hypotheses
diagnosis diagnoses · database databases · purchase purchases · release releases · case cases
phase phases · response_code response_codes · house houses · horse horses · course courses
license licenses · size sizes · prize prizes · buzz buzzes · waltz waltzes · topaz topazes
fox foxes · tax taxes · index indices · matrix matrices · vertex vertices · suffix suffixes
church churches · watch watches · branch branches · batch batches · match matches · dish dishes
hash_key hash_keys · wish wishes · day days · key keys · boy boys · city cities · country countries
company companies · reply replies · entry entries · story stories · hero heroes
potato potatoes · tomato tomatoes · echo echoes · photo photos · video videos · piano pianos
logo logos · zero zeros · knife knives · life lives · wife wives · half halves · wolf wolves
shelf shelves · thief thieves · roof roofs · belief beliefs · chief chiefs · brief briefs
sheriff sheriffs · safe safes · giraffe giraffes · man men · woman women · human humans
mouse mice · goose geese · foot feet · tooth teeth · die dice · phenomenon phenomena
curriculum curricula · forum forums · album albums · species species · fish fish · deer deer
aircraft aircraft · equipment equipment · information information · money money · software software
metadata metadata · police police · music music · feedback feedback · knowledge knowledge
archive archives · drive drives · move moves · wave waves · objective objectives · glove gloves
user users · order orders · group groups · product products · invoice invoices · comment comments
tag tags · book books · author authors · event events · task tasks · file files · channel channels
message messages · team teams · member members · project projects · ticket tickets · price prices
image images · page_view page_views · note notes · list_item list_items · cart carts
toe toes · canoe canoes · niche niches · headache headaches · tie ties · zombie zombies
snowman snowmen · salesperson salespeople · grandchild grandchildren · bookshelf bookshelves
housewife housewives · werewolf werewolves · eyetooth eyeteeth · codebase codebases
slice_plan slice_plans · chalice chalices · quota quotas · delta deltas · phobia phobias
genius geniuses · apparatus apparatuses · hippopotamus hippopotamuses · spouse spouses
clause clauses · excuse excuses · dove doves · octave octaves · explosive explosives · love loves
cow cows · blouse blouses · stomach stomachs · epoch epochs · moustache moustaches
necktie neckties · newbie newbies · plateau plateaus · larva larvae · locus loci
paralysis paralyses · metamorphosis metamorphoses · pelvis pelvises · quantum quanta
sms sms · dns dns · css css · thanks thanks · earnings earnings · corps corps · debris debris
witness witnesses · success successes · mattress mattresses · compass compasses · glass glasses_case
"""
WORDS = [
    tuple(pair.split())
    for pair in re.split(r"[·\n]", PAIRS)
    if pair.strip() and "glasses_case" not in pair
]


def test_the_list_of_words_is_long_enough() -> None:
    assert len(WORDS) >= 120


@pytest.mark.parametrize(("singular", "plural"), WORDS)
def test_singular_and_plural_name_the_same_model(singular: str, plural: str) -> None:
    one = ModelName.parse(singular)
    if plural != "bases":  # the plural of base, which is refused
        assert ModelName.parse(plural) == one
    assert (one.singular, one.table) == (singular, plural)
    assert one.plural != one.singular
    assert ModelName.parse(f"blog_{plural}").table == f"blog_{plural}"


@pytest.mark.parametrize(
    "word",
    ["blog_post", "blog-post", "BlogPost", "blogPost", "Blog Post", "blog_posts", "BlogPosts"],
)
def test_spellings_name_the_same_model(word: str) -> None:
    name = ModelName.parse(word)
    assert name.class_name == "BlogPost"
    assert (name.singular, name.plural, name.table) == ("blog_post", "blog_posts", "blog_posts")
    assert (name.path, name.label, name.label_plural) == ("/blog-posts", "Blog post", "Blog posts")
    assert (name.class_plural, name.factory) == ("BlogPosts", "make_blog_post")


def test_a_plural_like_the_singular_has_another_variable() -> None:
    news = ModelName.parse("news")
    assert (news.singular, news.plural, news.table) == ("news", "news_list", "news")
    assert (news.class_name, news.class_plural) == ("News", "NewsList")
    assert (news.path, news.label_plural) == ("/news", "News")


WORKS = """
post person news series status data box Category my_test test user order group models http APIKey
item2 oauth2_token order_line values_set table column references_list select index key primary
task event file channel message text string integer date datetime time enum json_file metadata
registry os sys io re abc main setup model schema route template asset match case blog
Optional Union List_Item Generic license copyright https
"""


@pytest.mark.parametrize("word", WORKS.split())
def test_a_name_that_works_is_usable_everywhere(word: str) -> None:
    name = ModelName.parse(word, package="blog")
    for each in (name.singular, name.plural, name.table, name.class_name, name.class_plural):
        assert each.isidentifier()
        assert not keyword.iskeyword(each)
    ast.parse(f"class {name.class_name}: pass\n{name.singular} = {name.plural} = 1")
    assert re.fullmatch(r"/[a-z0-9-]+", name.path)


REFUSED = """
app class import photon None True lambda async def Request Session Json Page Response Router Base
Any Mapped Query flash assign type list str int object property filter __init__ conftest _post
2fa café пост admin/post post.py post:string sqlite_table db form photon_migration
self Exception Param ../post
a i
"""


@pytest.mark.parametrize(
    "word", [*REFUSED.split(), "", " ", "-", "post'", "a" * 70, "x_" * 40 + "y"]
)
def test_a_name_that_cannot_be_used_is_refused_with_one_that_can(word: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        ModelName.parse(word, package="blog")
    suggestion = re.split(r"such as |as in ", str(caught.value))[-1]
    assert ModelName.parse(suggestion, package="blog").singular == suggestion


def test_the_suggestion_does_not_need_the_package() -> None:
    with pytest.raises(GeneratorError, match="such as lambda_record"):
        ModelName.parse("lambda")


@pytest.mark.parametrize("word", sorted(sys.stdlib_module_names))
def test_modules_of_the_standard_library_work_or_are_refused_with_a_suggestion(word: str) -> None:
    message = ""
    try:
        ModelName.parse(word)
    except GeneratorError as error:
        message = str(error)
    assert not message or re.search(r"such as \w|as in \w", message)


def test_no_name_of_a_resource_hides_a_path_of_the_framework() -> None:
    assert ModelName.parse("doc").path == "/doc-list"
    assert ModelName.parse("metric").path == "/metric-list"


@given(st.text(string.ascii_letters + string.digits + "_- é", max_size=90))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = ModelName.parse(text)
    except GeneratorError:
        return
    assert name.singular != name.plural
    assert len(f"pk_{name.table}") <= 63
    assert all(each.isidentifier() and each.isascii() for each in (name.table, name.class_name))
