"""Pages of queries.

================  =============================================================================
``_paginate``     `paginate`: one page of a query
``_parameters``   `PageParameters`, `CursorParameters`: parameters of requests
``_pages``        `Page`, `KeysetPage`: results
``_links``        `link_header`: the other pages, for clients that do not read the body
``_offset``       pages by number
``_keyset``       pages by cursor: the condition for the rows after a position
``_ordering``     the order of a query: what it sorts by, and what makes it total
``_sort_key``     one expression that a query is sorted by, on each kind of database
``_cursor``       positions as text that clients pass on
================  =============================================================================
"""

from ._links import link_header as link_header
from ._pages import KeysetPage as KeysetPage
from ._pages import Page as Page
from ._paginate import paginate as paginate
from ._parameters import CursorParameters as CursorParameters
from ._parameters import PageParameters as PageParameters
