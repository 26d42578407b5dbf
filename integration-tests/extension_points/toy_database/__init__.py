"""A foreign package that is observed: it imports photon_runtime and no sibling of it."""
