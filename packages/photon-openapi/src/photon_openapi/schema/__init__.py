"""JSON Schema 2020-12: Python types as schemas, and the validation of values.

====================  =========================================================================
``_schema``           types to schemas; `_keywords`, `_unions`, `_component_names` are its parts
``_members``          the members of a class, however the class was made; `_scalars`, the types
                      with one plain form in JSON; `_mapped_classes`, classes of SQLAlchemy;
                      `_pydantic_models`, those of pydantic, with `_pydantic_schemas`
                      and `_pydantic_errors`
``_own_rules``        what classes refuse by their validators, converters and ``__post_init__``
``_gathering``        what types have by themselves and by the types that they contain
``_flat``             schemas without ``allOf``, ``oneOf`` and references
``_composition``      the schemas that a schema is composed of
``_schema_types``     the types of the values of a schema
``_constraints``      constraints of single values, as for parameters
``_equivalence``      whether a schema of a document is equivalent to that of a class
``_check``            validation, and the complete list of errors; `_compiled` does the former,
                      `_shared_validators` for documents whose schemas refer to most of it
``_formats``          the assertions of ``format``; `_durations` reads durations
``_messages``         messages for the errors of jsonschema; `_decode_errors`, for refused bodies
``_msgspec_messages`` the wording of msgspec's errors; `_attrs_validators` and `_rust_panics`
                      depend on internals of attrs and of jsonschema-rs
====================  =========================================================================
"""

from ._check import SchemaCheck as SchemaCheck
from ._component_names import short_name as short_name
from ._composition import composed_of as composed_of
from ._constraints import constraint_checker as constraint_checker
from ._decode_errors import MAX_DEPTH as MAX_DEPTH
from ._decode_errors import Beside as Beside
from ._decode_errors import decode_plain as decode_plain
from ._decode_errors import explain as explain
from ._decode_errors import is_deep as is_deep
from ._decode_errors import with_integers as with_integers
from ._durations import read_duration as read_duration
from ._equivalence import is_equivalent as is_equivalent
from ._flat import EXAMPLES as EXAMPLES
from ._flat import TAG as TAG
from ._flat import Contradiction as Contradiction
from ._flat import FlatSchema as FlatSchema
from ._flat import flattened as flattened
from ._flat import merge as merge
from ._gathering import gathered as gathered
from ._keywords import Schema as Schema
from ._mapped_classes import mapper_of as mapper_of
from ._members import Member as Member
from ._members import is_named_tuple as is_named_tuple
from ._members import mapped_class_in as mapped_class_in
from ._members import members_of as members_of
from ._members import pydantic_classes_in as pydantic_classes_in
from ._members import sent_members_of as sent_members_of
from ._messages import in_order as in_order
from ._messages import json_type as json_type
from ._msgspec_messages import DECODE_ERRORS as DECODE_ERRORS
from ._msgspec_messages import conversion_message as conversion_message
from ._msgspec_messages import decode_message as decode_message
from ._own_rules import REFUSALS as REFUSALS
from ._own_rules import has_own_rules as has_own_rules
from ._own_rules import reason_of as reason_of
from ._own_rules import refused_by_class as refused_by_class
from ._own_rules import refused_members as refused_members
from ._pydantic_errors import message_of_pydantic as message_of_pydantic
from ._pydantic_errors import pydantic_errors as pydantic_errors
from ._pydantic_models import PydanticAttribute as PydanticAttribute
from ._pydantic_models import accepts_more as accepts_more
from ._pydantic_models import adapter_of as adapter_of
from ._pydantic_models import is_pydantic as is_pydantic
from ._pydantic_models import takes_others as takes_others
from ._scalars import SCALARS as SCALARS
from ._scalars import plain_choice as plain_choice
from ._schema import COMPONENT_PREFIX as COMPONENT_PREFIX
from ._schema import DECIMAL_PATTERN as DECIMAL_PATTERN
from ._schema import SchemaBuilder as SchemaBuilder
from ._schema import is_list_like as is_list_like
from ._schema_types import default_of as default_of
from ._schema_types import others_of as others_of
from ._schema_types import properties_of as properties_of
from ._schema_types import type_of_schema as type_of_schema
from ._schema_types import types_of as types_of
from ._spelling import match_spelling as match_spelling
from ._spelling import python_name as python_name
