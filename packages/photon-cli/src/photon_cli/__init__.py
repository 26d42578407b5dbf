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
``_dev_link``       the messages between the two
``_development``    the application with error pages, and pages that reload
``_error_page``, ``_error_report``, ``_bounded_repr``  an error with its frames and variables
``_local_request``  whether a request comes from a person at this machine
``_page_reload``    reloading the pages of browsers
``_config``         ``photon config``: settings and their sources
``_console``        ``photon console``: Python with the application started
``_doctor``, ``_doctor_child``  ``photon doctor``: what would keep the application from running
``_run_tests``      ``photon test``
``_secret``         ``photon secret``
``_completion``     ``photon completion``
``_version``        ``photon version``
==================  ===========================================================================

Importing this package imports nothing: ``photon --help`` has to be quick.
"""
