"""``photon new``: a project in a new folder.

==============  ===============================================================================
``_name``       the names of a project and of its package, and the names that are refused
``_choices``    the kind and the database of a project
``_blueprint``  the files of a project, from the code templates in ``blueprints/new``
``_first_model`` the first model, which the generator of scaffolds makes
``_folder``     the new folder: complete, or as before
``_git``        the repository of the project
==============  ===============================================================================
"""

from ._blueprint import project_files as project_files
from ._choices import Choices as Choices
from ._choices import Database as Database
from ._choices import Kind as Kind
from ._first_model import FIRST_SCAFFOLD as FIRST_SCAFFOLD
from ._first_model import generate_first_model as generate_first_model
from ._folder import create_folder as create_folder
from ._git import start_repository as start_repository
from ._name import ProjectName as ProjectName
