"""From a request to values. Everything that depends only on the operation is computed at start-up.

Strings and JSON texts become values by `photon_openapi.codec`.

==================  ===========================================================================
``_parameters``     parameters: `_styles` finds their strings, `_objects` converts objects
``_parameter_models``  classes whose members are single parameters
``_media``          bodies by media type
``_form``           forms to fields and files; `_form_body` validates them with a schema,
                    `_multipart_messages` has the wording of multipart's errors
``_form_fields``    fields of forms, code first; `_submitted_form` of those that people fill in
``_strict_query``   rejection of parameters that the operation does not have
==================  ===========================================================================
"""

from ._form import FormReader as FormReader
from ._form import FormSettings as FormSettings
from ._form import form_reader as form_reader
from ._form_body import FormBody as FormBody
from ._form_fields import REST as REST
from ._form_fields import field_binder as field_binder
from ._form_fields import json_field_binder as json_field_binder
from ._form_fields import rest_binder as rest_binder
from ._media import Reader as Reader
from ._media import body_binder as body_binder
from ._media import json_reader as json_reader
from ._media import read_bytes as read_bytes
from ._media import read_stream as read_stream
from ._media import read_text as read_text
from ._media import reader_chooser as reader_chooser
from ._media import text_reader as text_reader
from ._parameter_models import class_of as class_of
from ._parameter_models import model_arguments as model_arguments
from ._parameter_models import model_binder as model_binder
from ._parameters import Binder as Binder
from ._parameters import bind_parameter as bind_parameter
from ._strict_query import checking_alone as checking_alone
from ._strict_query import checking_first as checking_first
from ._strict_query import query_check as query_check
from ._submitted_form import submitted_binder as submitted_binder
from ._submitted_form import submitted_field_binder as submitted_field_binder
