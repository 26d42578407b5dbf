"""Masking of payloads (RFC 6455, section 5.3): the C code of websockets where its wheel has it."""

from __future__ import annotations

try:
    from websockets.speedups import apply_mask as apply_mask
except ImportError:
    from websockets.utils import apply_mask as apply_mask
