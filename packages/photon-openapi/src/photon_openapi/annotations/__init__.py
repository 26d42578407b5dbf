"""Annotations of values: the type, and its constraints and description.

=====================  ========================================================================
``_param``             `Param`: constraints and description
``_annotation``        `split_annotation`: type, constraints and other metadata
``_closed``            `closed`: classes that refuse unknown members
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
from ._closed import closed as closed
from ._closed import is_closed as is_closed
from ._param import Param as Param
from ._param import Style as Style
