"""From a result to a response.

===================  ==========================================================================
``_result``          what a return annotation says: the answers that a result may become
``_answers``         results encoded, as the document says
``_outgoing``        the members that the annotation names, and no others
``_described``       whether the document has ``null`` or nothing for ``None``
``_stream``          bodies that are sent as they come; `_events` is the format of event streams
``_caches``          what shared caches may keep
``_answers_check``   whether an answer is what the document says; for development and tests
===================  ==========================================================================
"""
