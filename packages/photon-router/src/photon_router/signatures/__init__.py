"""Signatures of handlers and dependencies, read once.

===============  ==============================================================================
``_signature``   a function to its arguments and its result
``_mistakes``    what cannot be meant
===============  ==============================================================================
"""
