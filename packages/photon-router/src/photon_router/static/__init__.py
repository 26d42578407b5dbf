"""Static files of a folder.

====================  =========================================================================
``_files``            `StaticFiles`: the file for a request
``_names``            the file names of a URL's path
``_folder``           opens files below a folder only
``_variants``         precompressed files
``_fingerprint``      names that contain a digest of the content
``_settings``         `StaticSettings`: the ``[static]`` section of photon.toml
====================  =========================================================================
"""

from ._files import StaticFiles as StaticFiles
from ._settings import ConfiguredFiles as ConfiguredFiles
from ._settings import StaticSettings as StaticSettings
from ._settings import set_mount_paths as set_mount_paths
