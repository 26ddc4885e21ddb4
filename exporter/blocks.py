"""Bytes that stay the same from answer to answer: compressed once, and put together into one gzip member.

A member of several runs of deflate, each ended by a full flush, is read whole by every decoder; several members are
not. Source: RFC 1951, 3.2; RFC 1952, 2.2.
"""

import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property, reduce

_HEAD = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255))
"""Deflate, no name, no time, fastest, an unknown system."""
_END = bytes((3, 0))
"""The last run of deflate: an empty one."""
_LEVEL = 1
"""Six times faster than the default, for a page a quarter larger."""
_FEWEST_BITS = 9
"""Of deflate's window. Most blocks are short, and to make one for 32 KiB takes ten times as long as to fill it."""
_LEAST_HASH_BITS = 7
"""What zlib calls a memory level is beyond these: by default 8 to a window of 15 bits."""
_SENT_AT_ONCE = 512 * 1024
"""Pieces of a MiB take a fifth more processor time."""


class Block:
    """Some bytes, and what they are compressed, from when somebody first wants that."""

    def __init__(self, plain: bytes) -> None:
        self.plain = plain

    @cached_property
    def packed(self) -> bytes:
        """A run of deflate that another may follow."""
        bits = min(max(len(self.plain).bit_length(), _FEWEST_BITS), zlib.MAX_WBITS)
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits, bits - _LEAST_HASH_BITS)
        return compressor.compress(self.plain) + compressor.flush(zlib.Z_FULL_FLUSH)


class Stretch:
    """Blocks in a row that are kept together for as long as none of them changes."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.blocks = tuple(blocks)

    @cached_property
    def length(self) -> int:
        """How many bytes it has."""
        return sum(len(block.plain) for block in self.blocks)

    @cached_property
    def packed(self) -> bytes:
        """What all its blocks are compressed."""
        return b"".join(block.packed for block in self.blocks)

    @cached_property
    def checksum(self) -> int:
        """Its CRC-32, if it stands first."""
        return self.add_to(0)

    def found_out(self) -> frozenset[str]:
        """Name what somebody has asked of it so far."""
        return frozenset(vars(self))

    def find_out(self, names: Iterable[str]) -> None:
        """Have what somebody will ask for."""
        for name in names:
            getattr(self, name)

    def add_to(self, checksum: int) -> int:
        """Give the CRC-32 of what stands before it and itself."""
        return reduce(lambda sum_, block: zlib.crc32(block.plain, sum_), self.blocks, checksum)


class Body:
    """What an answer says: stretches of blocks, one after the other."""

    def __init__(self, *stretches: Stretch) -> None:
        self.stretches = stretches

    @classmethod
    def of(cls, plain: bytes) -> "Body":
        """Give a body of bytes that nobody keeps."""
        return cls(Stretch([Block(plain)]))

    def __len__(self) -> int:
        return sum(stretch.length for stretch in self.stretches)

    def __bytes__(self) -> bytes:
        return b"".join(block.plain for stretch in self.stretches for block in stretch.blocks)

    def pieces(self) -> Iterator[bytes]:
        """Give it in pieces of a size to be sent."""
        piece: list[bytes] = []
        size = 0
        for block in (block for stretch in self.stretches for block in stretch.blocks):
            piece.append(block.plain)
            size += len(block.plain)
            if size >= _SENT_AT_ONCE:
                yield b"".join(piece)
                piece, size = [], 0
        yield b"".join(piece)

    def gzip(self) -> bytes:
        """Give it as one gzip member."""
        first, *others = self.stretches
        checksum = reduce(lambda sum_, stretch: stretch.add_to(sum_), others, first.checksum)
        ends = b"".join(number.to_bytes(4, "little") for number in (checksum, len(self) & 0xFFFFFFFF))
        return b"".join((_HEAD, *(stretch.packed for stretch in self.stretches), _END, ends))
