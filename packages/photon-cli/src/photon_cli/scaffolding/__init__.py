"""Generators of application code: names, fields, the layout of a project, and the code itself.

=====================  ========================================================================
``_inflection``        singular and plural of English words
``_names``             `ModelName`: all names of a model, from one word
``_reserved_names``    names that generated code cannot use
``_field_types``       the types of fields: columns, members of schemas, example values
``_fields``            `Field`, `parse_fields`: the grammar ``name:type?^``
=====================  ========================================================================
"""

from ._fields import Field as Field
from ._fields import Reference as Reference
from ._fields import parse_fields as parse_fields
from ._names import ModelName as ModelName
