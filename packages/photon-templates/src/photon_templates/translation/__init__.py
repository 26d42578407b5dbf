"""Texts of pages in the languages of their readers.

==================  ===========================================================================
``_translations``   `translate`, `current_locale`, `use_locale`: what pages and handlers call
``_catalogs``       ``locales/<locale>.toml``: texts by key, checked at start
``_negotiation``    ``Accept-Language`` to a locale
``_plurals``        the plural categories of languages
==================  ===========================================================================
"""

from .._locale_settings import LocaleSettings as LocaleSettings
from ._catalogs import load_catalogs as load_catalogs
from ._negotiation import choose_locale as choose_locale
from ._plurals import plural_category as plural_category
from ._translations import Translations as Translations
from ._translations import current_locale as current_locale
from ._translations import name_locale as name_locale
from ._translations import translate as translate
from ._translations import translations_variable as translations_variable
from ._translations import use_locale as use_locale
