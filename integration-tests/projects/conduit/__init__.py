"""The API of RealWorld's Conduit, spec first: a blog with profiles, favorites, comments and a feed.

It serves either edition of the API's document (`document`), chosen by ``CONDUIT_EDITION``.
"""
