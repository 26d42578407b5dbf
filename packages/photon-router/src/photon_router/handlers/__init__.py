"""Handlers as they are written, and operations written from them.

======================  =======================================================================
``_types``              `Query`, `Path`, `Header`, `Cookie`, `Json`, `Form`, `Body`, `Param`
``_depends``            `Depends`
``_signature``          signatures, read once; `_mistakes` finds what cannot be meant
``_spread``             classes spread over single parameters
``_options``            what a decorator may say
``_declared``           a handler with what its decorator said
``_operation``          a signature to an operation: `_request_body`, `_form_fields`,
                        `_response_objects` write its parts, `_notes` has what all share
``_fit``                spec first: which argument takes which parameter
======================  =======================================================================
"""
