"""The policy of the document for ``None`` in responses; see `photon_openapi.codec.NullPolicy`."""

from __future__ import annotations

from collections.abc import Mapping

from photon_openapi.codec import NullPolicy
from photon_openapi.document import ITEM_SCHEMA, Definitions, OpenApi
from photon_runtime.media_types import EVENT_STREAM, is_json, may_be_json

from ._cases import form_of_stream


def null_policy_of(
    content: Mapping[str, OpenApi], media: str, definitions: Definitions, *, omit_none: bool
) -> NullPolicy:
    """Return the policy of a document for a body, or for the items of a stream.

    Args:
        content: The media type objects of the response, by media type.
        media: The media type.
        definitions: The targets of references in their schemas.
        omit_none: True to leave out ``None`` even if ``null`` would be valid.
    """
    media_object = content.get(media)
    if media_object is None and is_json(media):
        usual = sorted(filter(may_be_json, content), key=is_json, reverse=True)
        media_object = content[usual[0]] if usual else None
    media_object = media_object or {}
    item = media_object.get(ITEM_SCHEMA)
    if item is None and not media.startswith(EVENT_STREAM):  # in an event stream it is an event's
        item = media_object.get("itemSchema")
    if item is not None:
        return NullPolicy((item,), definitions, omit_none)
    # The target of a reference, so that all results with one schema share their projections.
    schema = definitions.followed(media_object.get("schema", {}))
    whole = NullPolicy((schema,), definitions, omit_none)
    return whole.item() if form_of_stream(media) == "lines" else whole
