"""Checks of the native module that need builds of their own: ``python3 tools/dev.py sanitize``.

===============  =================================================================================
``_command``     the command line, and the order of the checks
``_builds``      the module, compiled with warnings as errors, with sanitizers, with a flaw
``_runs``        tests that run with such a build, and what counts as a report
``_flaws``       changes of the sources that each check must find
``_debug``       an interpreter that was built for debugging
``_no_memory``   a program: requests while single allocations fail
===============  =================================================================================

Theory of operation. The tests of the request path run on a build of the module that has
AddressSanitizer and UndefinedBehaviorSanitizer in it. The interpreter is the usual one, so the
library of the sanitizers is loaded first, and objects are made by ``malloc``, where they are seen.
Reports are files: what a program writes may be read by the test that started it.

greenlet copies parts of the stack away and back, with what the sanitizer has put between variables
there, and without its notes about them. So variables on the stack are watched only in functions
that never wait; indices into arrays are checked everywhere. Leaks are found by counting: references
in an interpreter for debugging, and memory in the usual one.

A check that finds nothing might look at nothing. So each is run again with a flaw in the sources,
and must find that.
"""
