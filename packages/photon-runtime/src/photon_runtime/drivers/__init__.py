"""Drivers of databases and Redis that wait in the scheduler, with and without the patch.

===============  ==============================================================================
``psycopg``      psycopg 3 for PostgreSQL: `Connection`, waits, clean-up of interrupted queries
``pymysql``      PyMySQL for MySQL and MariaDB: `Connection`, clean-up of interrupted queries
``redis``        redis-py for Redis and Valkey: `Connections`, `Script`, `next_message`
``sqlite``       `sqlite3`: `connect`, statements in threads, a fair queue of writers
===============  ==============================================================================

Each imports its library, so import it by name: ``from photon_runtime.drivers import psycopg``.
"""
