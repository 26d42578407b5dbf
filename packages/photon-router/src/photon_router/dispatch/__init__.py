"""The road of a request: match, layers, plan.

===============  ==============================================================================
``_match``       paths to endpoints: the radix tree
``_dispatch``    a request to its plan, through the layers of the application
``_layers``      middleware, and the answers for errors
``_compile``     a document and its handlers to plans, at start
``_plan``        the plan of one operation; `_steps` calls dependencies and handler, `_provide`
                 says who makes a dependency's value
``_extensions``  ``x-handler``, ``x-photon-middleware``: what the document names in the code
``_limits``      limits that an operation states for itself
``_mount``       what is no operation: pages, files, other applications
``_running``     what there is of an application that runs
``_urls``        back from an operation to its address
===============  ==============================================================================
"""
