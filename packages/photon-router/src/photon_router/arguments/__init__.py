"""From a request to arguments: everything about the operation is settled at start.

==================  ===========================================================================
``_arguments``      what binds the arguments of an operation, `_body_arguments` those of its body
``_parameters``     parameters: `_styles` finds their texts, `_objects` those of objects
``_text``           texts to values; `_convert` is the one cattrs configuration
``_media``          bodies by media type; `_media_types` has the names
``_form``           forms to fields and files; `_form_body` where a schema judges them
``_upload``         `UploadFile`
``_strict_query``   refusing parameters that the operation does not have
==================  ===========================================================================
"""
