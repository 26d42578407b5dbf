"""A team board: boards with columns, and cards that move through them.

================  =============================================================================
``app``           `create_app`, and ``app``, which ``photon run`` serves
``models``        boards and cards, and the bodies that clients send
``store``         the data: in memory, in one class
``samples``       the boards that a new store begins with
``dependencies``  values for handlers: the store, a card, the current member
``api``           the public API; its contract is ``openapi.yaml``
``admin``         routes for the people who run the board
``reports``       slow and long responses
``calendars``     the slow service that a report calls
``pages``         the page at ``/``
``live``          open pages that follow changes, and the progress of jobs
``jobs``          work after the response: a list by mail, reminders, a schedule
``mails``         the mails that jobs send
================  =============================================================================
"""
