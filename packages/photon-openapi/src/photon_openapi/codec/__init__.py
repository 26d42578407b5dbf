"""The codec of typed values: JSON texts and strings to values of Python types, and back.

====================  =========================================================================
``_json``             JSON texts: `JsonDecoder` for types, `SchemaDecoder` for schemas, `encode`
``_class_errors``       the errors of a refused value that its classes report
``_decoders``           the decoders of types, each made once
``_strategy``         which libraries decode a type; `_schema_traits`, what it knows of schemas
``_convert``          the only cattrs configuration, for types that msgspec does not decode
``_text``             strings to values: of parameters, forms and the keys of objects
``_projection``       the members in an annotation, and no others, of values that are sent
``_pydantic_values``  values of classes of pydantic
``_undescribed``        values that an annotation does not describe
``_objects``            objects of one class as mappings, by generated functions
``_mapped_objects``   objects of SQLAlchemy, read without a statement
``_null_policy``      ``None`` as ``null`` or as a missing member, according to a document
====================  =========================================================================
"""

from ._class_errors import RuleErrors as RuleErrors
from ._convert import json_converter as json_converter
from ._convert import make_converter as make_converter
from ._convert import structuring_errors as structuring_errors
from ._decoders import decoder_of as decoder_of
from ._json import JsonDecoder as JsonDecoder
from ._json import SchemaDecoder as SchemaDecoder
from ._json import encode as encode
from ._json import encode_plain as encode_plain
from ._null_policy import SEND_NULL as SEND_NULL
from ._null_policy import NullPolicy as NullPolicy
from ._projection import Projection as Projection
from ._projection import Projections as Projections
from ._projection import projection_of as projection_of
from ._text import strings_converter as strings_converter
from ._text import takes_strings as takes_strings
from ._text import text_converter as text_converter
