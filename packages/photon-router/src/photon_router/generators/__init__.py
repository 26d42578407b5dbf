"""Generators of code for documents: handlers from a document, and a file of the document.

=========================  ====================================================================
``handlers``               ``photon generate handlers``
``openapi``                ``photon generate openapi``
``_schema_types``          schemas as types; `_merged_schemas`, `_discriminators`
``_handler_arguments``     the arguments of handlers; `_handler_results`: their results
``_class_source`` …        definitions: classes, handlers, verifiers, tests
``_module_code``           modules of definitions, with the imports that they need
``_module_merging``        modules that people have edited; `_existing_code`, `_import_merging`
``_application_code``      the application of the project
``_code_layout``           expressions as a formatter lays them out; `_docstrings`, `_names`
``_sample_requests``       valid requests, for tests
=========================  ====================================================================
"""

from .handlers import HandlersGenerator as HandlersGenerator
from .openapi import OpenApiGenerator as OpenApiGenerator
