"""A team board: boards with columns, and cards that move through them.

================  =============================================================================
``app``           `create_app`: the parts, wired; ``app``, which ``photon run`` serves
``models``        what there is (boards, cards) and what clients send
``store``         where it is kept: in memory, behind one class
``samples``       the boards that a new store begins with
``dependencies``  what handlers are handed: the store, a card, the member who asks
``api``           the public API; its contract is ``openapi.yaml``
``admin``         routes for the people who run the board
``reports``       slow and long answers
``calendars``     the slow service that a report asks
``pages``         what a browser shows at ``/``
================  =============================================================================
"""
