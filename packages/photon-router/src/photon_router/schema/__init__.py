"""JSON Schema 2020-12: Python types as schemas, and values judged by schemas.

=====================  =========================================================================
``_schema``            types to schemas; `_keywords`, `_unions`, `_component_names` are its parts
``_members``           the members of a class, whatever made the class; `_scalars`, what JSON has
                       one plain form for
``_schema_types``      what a schema says of the types of its values
``_constraints``       constraints of single values, as for parameters
``_sameness``          whether a schema of a document is that of a class
``_check``             verdicts, and the complete list of faults; `_compiled` gives the former
``_formats``           what ``format`` asserts; `_durations` reads those
``_words``             what a verdict says, in words; `_refusals`, why a body was refused
``_attrs_validators``  attrs validators as keywords; `_rust_panics`, what gives up in Rust
``_msgspec_messages``  the wording of msgspec's errors, of every version
=====================  =========================================================================
"""
