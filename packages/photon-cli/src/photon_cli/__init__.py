"""The ``photon`` command line.

==================  ===========================================================================
``main``            the command itself: its options, its help, its errors
``_environment``    ``-e`` of every command, colours
``_tables``         aligned rows, with colours on a terminal
``_plugins``        commands and generators of installed packages, found without importing them
``_serving``        what ``run`` and ``dev`` have in common: settings, options, announcement
``_run``            ``photon run``
``_dev``            ``photon dev``: keep the socket, restart the child when a file changes
``_dev_child``      the child of ``photon dev``, a program of its own
``_generate``       ``photon generate`` and ``photon destroy``
``generation``      applying and undoing what generators describe
``_watch``          the files of a folder that have changed
``_error_page``     what the child serves while the application does not start
``_config``         ``photon config``: settings and their sources
``_console``        ``photon console``: Python with the application started
``_test``           ``photon test``
``_secret``         ``photon secret``
``_completion``     ``photon completion``
``_version``        ``photon version``
==================  ===========================================================================

Importing this package imports nothing: ``photon --help`` has to be quick.
"""
