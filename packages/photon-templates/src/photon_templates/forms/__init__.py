"""Forms of HTML: what a page shows of a form, its values and its errors.

==============  ===============================================================================
``_form``       `html_form`, `HtmlForm`, `FormField`: a form as templates use it
``_members``    the members of a class: type, default, constraints
``_widgets``    types to inputs
``_values``     values to the texts of inputs
``_options``    the choices of a selection
``_labels``     names to labels, errors to sentences
``_messages``   the same in the language of the reader
==============  ===============================================================================
"""

from ._form import FormField as FormField
from ._form import HtmlForm as HtmlForm
from ._form import html_form as html_form
from ._options import Choices as Choices
from ._options import Option as Option
from ._widgets import Widget as Widget
