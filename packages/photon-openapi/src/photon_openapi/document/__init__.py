"""The OpenAPI document: the only source of routes.

===============  ==============================================================================
``_load``        documents from files or plain data; `_yaml` reads YAML as JSON
``_bundle``      references into files beside the document
``_upgrade``     documents of OpenAPI 3.0 as documents of 3.1
``_shape``       whether something has the shape of an OpenAPI document
``_document``    `Document`: check, resolve, iterate over operations
``_definitions`` what the schemas of a document refer to
``_servers``     servers to base paths
``_template``    path templates
``_responses``   what is declared for a status
``_schemas``     the schemas that stand in a document
``_source``      documents from files and standard input; `_positions` has the lines of their parts
``_application`` the document of an application
``_export``      the document as text
===============  ==============================================================================
"""
