"""The markers that handlers write in their signatures.

=====================  ========================================================================
``_types``             `Query`, `Path`, `Header`, `Cookie`, `Json`, `Form`, `Body`, `Param`
``_depends``           `Depends`
``_foreign_names``     names of other packages in annotations, and what to write in their place
=====================  ========================================================================
"""

from ._depends import Dependency as Dependency
from ._depends import Depends as Depends
from ._depends import Overrides as Overrides
from ._depends import Provider as Provider
from ._foreign_names import foreign_argument as foreign_argument
from ._foreign_names import foreign_marker as foreign_marker
from ._foreign_names import foreign_result as foreign_result
from ._types import Annotation as Annotation
from ._types import Body as Body
from ._types import Cookie as Cookie
from ._types import Form as Form
from ._types import Header as Header
from ._types import In as In
from ._types import Json as Json
from ._types import Marker as Marker
from ._types import Path as Path
from ._types import Query as Query
from ._types import is_stream as is_stream
from ._types import split_annotation as split_annotation
