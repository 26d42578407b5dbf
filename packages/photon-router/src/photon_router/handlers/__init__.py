"""Handlers and their operations: written from them, or fitted to them.

======================  =======================================================================
``_options``            what a decorator may say
``_surroundings``       what a router puts around its handlers
``_declared``           a handler with what its decorator said
``_operation``          a signature to an operation: `_request_body` and `_response_objects` write
                        its parts, `_notes` has what all share
``_fit``                spec first: which argument takes which parameter
``_arguments``          what binds the arguments of an operation, `_body_arguments` those of its
                        body
======================  =======================================================================
"""
