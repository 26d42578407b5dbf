"""Generators of application code: names, fields, the layout of a project, and the code itself.

=====================  ========================================================================
``_inflection``        singular and plural of English words
``_names``             `ModelName`: all names of a model, from one word
``_reserved_names``    names that generated code cannot use
``_field_types``       the types of fields: columns, members of schemas, example values
``_fields``            `Field`, `parse_fields`: the grammar ``name:type?^``
``_layout``            `Layout`: where the parts of a project are
``_imports``           imports in sections, sorted
``_migration_code``    the statements of migrations
``_revisions``         the files of migrations: the same name, the same revision
``_applied``           why a migration cannot be destroyed
``_model_files``       `ModelFiles`: module, factory and test of a model
``_model_checks``      conditions of a new model
``_migration_names``   `MigrationName`: what a migration does, inferred from its name
``_model_changes``     edits of a model that exists
``_written_fields``    the field that a column of a model was generated from
``_application``       `ApplicationLayout`: the application, and the modules beside it
``_resource``          `Resource`: a model as its API and its pages see it
``_api_files``         schemas, routes and their tests
``_page_files``        pages, templates and their tests
``_shown_fields``      fields as templates show them
``_handler_names``     `HandlerName`: the names of a handler, of middleware or of a task
``_paths``             `HandlerPath`: the path of a handler, with its parameters
``_channel_messages``  `ChannelMessage`: the messages of a channel
``_call_parameters``   `CallParameter`: the parameters of a task or a mailer
``_background_code``   `BackgroundCode`: where a task or a mailer goes, with its test
``_first_tick``        the first tick of a schedule, for its test
``_sql_words``, ``_word_lists``  words that have to be quoted in SQL
``model``, ``migration``, ``scaffold``, ``route``, ``controller``, ``middleware``, ``websocket``,
``channel``, ``task``, ``worker``, ``schedule``, ``mailer``  the generators
=====================  ========================================================================
"""

from ._fields import Field as Field
from ._fields import Reference as Reference
from ._fields import parse_fields as parse_fields
from ._imports import import_block as import_block
from ._layout import Layout as Layout
from ._layout import WrittenModel as WrittenModel
from ._migration_names import MigrationName as MigrationName
from ._model_files import ModelFiles as ModelFiles
from ._names import ModelName as ModelName
