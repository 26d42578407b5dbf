"""Templates: pages, fragments and mails of an application, from Jinja2 templates checked at start.

=======================  ======================================================================
``rendering``            `render_template`, `stream_template`: what handlers call
``part``                 `TemplatesPart`: templates of an application, checked at its start
``templates``            `Templates`: the same without an application
``mail``                 `render_mail`: subject, text and HTML of a mail
``negotiation``          pages, fragments or data: `wants_html`, `negotiated`, `is_htmx`
``forms``                `html_form`: forms that show their errors
``flash``                `flash`: messages for the next page
``translation``          `translate`: texts in the languages of readers
``csrf``                 tokens against cross-site request forgery, for forms and scripts
``error_pages``          pages for errors
``errors``               `TemplateErrors` and the like
``_templates_settings``  `TemplatesSettings`: the ``[templates]`` section of photon.toml
``_locale_settings``     `LocaleSettings`: its table of languages
``_preload``             all templates compiled and checked at start, all errors at once
``_function_checks``     filters, tests and globals that can never work are refused
``_globals``             what templates have: ``url_for``, ``asset``, ``request`` ...
``_streaming``           pages that are sent while they are rendered
``_before_stream``       what a streamed page needs of the session
``_environment``         the Jinja2 environment: escaping, modules, filters
``_loader``              from a name to code
``_fragments``           blocks as templates of their own
``_compiled``            compiled templates in a file
``_folders``             the files, and which names they have
``_facts``               what a template uses, read from its syntax tree
``_names``               valid names, escaping and media types by name
``_current``             the templates and the request of the calling code
``_undefined``           missing values
``_error_lines``         the lines of templates in errors
``_jinja_internals``     what is used of Jinja2 beyond its documented interface
=======================  ======================================================================
"""

from ._environment import EnvironmentOptions as EnvironmentOptions
from ._templates_settings import TemplatesSettings as TemplatesSettings
from .errors import BlockNotFound as BlockNotFound
from .errors import TemplateErrors as TemplateErrors
from .errors import TemplatesMissing as TemplatesMissing
from .errors import TranslationErrors as TranslationErrors
from .flash import FlashMessage as FlashMessage
from .flash import flash as flash
from .forms import HtmlForm as HtmlForm
from .forms import Widget as Widget
from .forms import html_form as html_form
from .mail import Mail as Mail
from .mail import render_mail as render_mail
from .negotiation import is_htmx as is_htmx
from .negotiation import negotiated as negotiated
from .negotiation import wants_fragment as wants_fragment
from .negotiation import wants_html as wants_html
from .part import TemplatesPart as TemplatesPart
from .rendering import render_template as render_template
from .rendering import stream_template as stream_template
from .templates import Templates as Templates
from .translation import LocaleSettings as LocaleSettings
from .translation import current_locale as current_locale
from .translation import translate as translate
from .translation import use_locale as use_locale
