"""The ``photon`` command line.

==================  ===========================================================================
``main``            the command itself: its options, its help, its errors
``_plugins``        the commands that installed packages bring, found without importing them
``_project``        the project around a folder: settings, environment, application
``_serving``        one process that serves an application
``_run``            ``photon run``
``_dev``            ``photon dev``: keep the socket, restart the child when a file changes
``_dev_child``      the child of ``photon dev``, a program of its own
``_watch``          the files of a folder that have changed
``_error_page``     what the child serves while the application does not start
``_tracebacks``     errors for the author of an application: the lines that are theirs
``_version``        ``photon version``
==================  ===========================================================================

Importing this package imports nothing: ``photon --help`` has to be quick.
"""
