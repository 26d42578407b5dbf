"""Static files: a folder, served as it is.

====================  =========================================================================
``_files``            `StaticFiles`: which file answers a request
``_answer``           how it is answered: validators, ranges, the fields of the response
``_names``            which paths of URLs can be names of files
``_folder``           opening files below a folder, and nowhere else
``_variants``         files that were compressed beforehand
``_fingerprint``      names with a digest of the content in them
``_ranges``           ``Range``, and bodies of several ranges
``_content_type``     media types by name
``_settings``         `StaticSettings`: the ``[static]`` section of photon.toml
====================  =========================================================================
"""

from ._files import StaticFiles as StaticFiles
from ._settings import ConfiguredFiles as ConfiguredFiles
from ._settings import StaticSettings as StaticSettings
from ._settings import tell_places as tell_places
