"""Database drivers that wait in the scheduler, with and without the patch of the standard library.

===============  ==============================================================================
``psycopg``      psycopg 3 for PostgreSQL: `Connection`, waits, clean-up of interrupted queries
===============  ==============================================================================

Each imports its driver, so import it by name: ``from photon_runtime.drivers import psycopg``.
"""
