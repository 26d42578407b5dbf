"""Annotations of values: the type, and its constraints and description.

=====================  ========================================================================
``_param``             `Param`: constraints and description
``_annotation``        `split_annotation`: type, constraints and other metadata
``_closed``            `closed`: classes that refuse unknown members
``_rename``            `rename`: names on the wire by a rule, for the members of a class
``_class_rules``       both for all classes of an application
=====================  ========================================================================
"""

from photon_runtime.errors import SignatureError as SignatureError

from ._annotation import Annotation as Annotation
from ._annotation import BareMarker as BareMarker
from ._annotation import SourceMarker as SourceMarker
from ._annotation import origin_of as origin_of
from ._annotation import plain_type as plain_type
from ._annotation import split_annotation as split_annotation
from ._annotation import strip_alias as strip_alias
from ._annotation import union_members as union_members
from ._annotation import value_type as value_type
from ._annotation import without_none as without_none
from ._annotation import without_unset as without_unset
from ._class_rules import ClassRules as ClassRules
from ._class_rules import Names as Names
from ._class_rules import class_rules as class_rules
from ._class_rules import using_class_rules as using_class_rules
from ._closed import closed as closed
from ._closed import is_closed as is_closed
from ._foreign_constraints import is_foreign as is_foreign
from ._param import Param as Param
from ._param import Style as Style
from ._rename import NameRule as NameRule
from ._rename import rename as rename
from ._rename import rename_rule as rename_rule
from ._rename import renamed as renamed
from ._rename import require_rule as require_rule
