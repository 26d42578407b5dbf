"""The commands of photon-tasks: options and output of what other modules do.

Each module is loaded for its own command.
"""
