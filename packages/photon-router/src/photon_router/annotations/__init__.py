"""What a signature is written with.

=====================  ========================================================================
``_types``             `Query`, `Path`, `Header`, `Cookie`, `Json`, `Form`, `Body`, `Param`
``_depends``           `Depends`
``_signature_error``   `SignatureError`, which says where and what to write
=====================  ========================================================================
"""
