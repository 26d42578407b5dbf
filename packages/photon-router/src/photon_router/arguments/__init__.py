"""From a request to values: everything about the operation is settled at start.

==================  ===========================================================================
``_parameters``     parameters: `_styles` finds their texts, `_objects` those of objects
``_text``           texts to values; `_convert` is the one cattrs configuration
``_spread``         classes spread over single parameters
``_media``          bodies by media type; `_media_types` has the names
``_body``           JSON bodies: bytes to typed values and back
``_form``           forms to fields and files; `_form_body` where a schema judges them
``_form_fields``    fields of forms, where the handler was there before the document
``_strict_query``   refusing parameters that the operation does not have
==================  ===========================================================================
"""
