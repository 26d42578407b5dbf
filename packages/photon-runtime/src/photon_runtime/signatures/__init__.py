"""Signatures of callables: names, kinds, defaults and types from one reader.

===================  ==========================================================================
``_reading``         the parameters of any callable, through all of its decorators
``_merging``         the signature of a wrapper together with that of the function it wraps
``_constructors``    the parameters of classes
``_plain``           plain functions, read in a few µs
``_parameter``       the form of a parameter between reading and resolving
``_scopes``          the names that a text annotation can use, those of enclosing functions too
``_type_variables``  the types that variables of a function stand for
``_resolving``       annotations as types, and the errors of those that cannot be resolved
``_arguments``       whether a callable accepts the arguments of its role
===================  ==========================================================================
"""

from ._arguments import require_arguments as require_arguments
from ._arguments import require_call as require_call
from ._arguments import require_instance as require_instance
from ._arguments import takes as takes
from ._plain import CallableParameter as CallableParameter
from ._plain import Parameter as Parameter
from ._reading import CallableSignature as CallableSignature
from ._reading import names_of as names_of
from ._reading import read_callable as read_callable
from ._reading import resolve_local_names as resolve_local_names
from ._type_variables import substitute_of as substitute_of
