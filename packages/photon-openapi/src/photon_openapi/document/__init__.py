"""The OpenAPI document: the only source of routes.

===============  ==============================================================================
``_load``        documents from files or plain data; `_yaml` reads YAML as JSON
``_bundle``      references to other files
``_upgrade``     documents of OpenAPI 3.0 as documents of 3.1
``_schema_errors``  the errors of a document by the schema of OpenAPI
``_soundness``   schemas that cannot be compiled, or take exponential time
``_document``    `Document`: check, resolve, iterate over operations
``_definitions`` the targets of references in the schemas of a document
``_servers``     servers to base paths
``_template``    path templates
``_responses``   the declared response for a status
``_schemas``     the schemas in a document, with their locations
``_export``      the document as text
===============  ==============================================================================
"""

from ._bundle import bundled as bundled
from ._definitions import BASE as BASE
from ._definitions import ITEM_SCHEMA as ITEM_SCHEMA
from ._definitions import WEBSOCKET as WEBSOCKET
from ._definitions import Definitions as Definitions
from ._definitions import definitions_of as definitions_of
from ._definitions import parts_of as parts_of
from ._definitions import tokens_of as tokens_of
from ._document import CATCH_ALL as CATCH_ALL
from ._document import METHODS as METHODS
from ._document import Document as Document
from ._document import OpenApi as OpenApi
from ._document import Operation as Operation
from ._document import parameter_key as parameter_key
from ._export import encode_document as encode_document
from ._load import check_depth as check_depth
from ._load import load_document as load_document
from ._load import read_file as read_file
from ._responses import code_for as code_for
from ._schema_errors import Problem as Problem
from ._schema_errors import schema_errors as schema_errors
from ._schemas import SchemaLocation as SchemaLocation
from ._schemas import components_of as components_of
from ._schemas import schemas_in as schemas_in
from ._servers import base_paths as base_paths
from ._template import PARAMETER as PARAMETER
from ._template import Partial as Partial
from ._template import parameters_of as parameters_of
from ._template import partial_of as partial_of
from ._template import shape_of as shape_of
from ._template import split_segment as split_segment
from ._upgrade import is_old as is_old
from ._upgrade import upgraded as upgraded
from ._yaml import parse_yaml as parse_yaml
