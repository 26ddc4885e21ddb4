"""Bytes that are compressed once: whatever their length, they are read whole, and are no longer for a small window."""

import gzip
import zlib

import pytest

from exporter.blocks import Block, Body, Stretch

LINES = b"".join(
    b'zoho_mass_update_job_updated_records{job_id="%d"} %d.0\n' % (n, n * 7919 % 1000) for n in range(3000)
)


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 511, 512, 513, 4096, 16_383, 16_384, 32_767, 32_768, 100_000])
def test_block_of_any_length_is_read_whole(length: int) -> None:
    """Beside others, of which the windows are other ones."""
    blocks = (Block(LINES[:length]), Block(LINES[:300]), Block(LINES[:length]))
    body = Body(Stretch(blocks))
    assert gzip.decompress(body.gzip()) == LINES[:length] + LINES[:300] + LINES[:length]


@pytest.mark.parametrize("length", [300, 3000, 30_000])
def test_small_window_makes_no_block_longer(length: int) -> None:
    """It holds all that a block could repeat."""
    usual = zlib.compressobj(1, zlib.DEFLATED, -15)
    whole = usual.compress(LINES[:length]) + usual.flush(zlib.Z_FULL_FLUSH)
    assert len(Block(LINES[:length]).packed) == len(whole)
