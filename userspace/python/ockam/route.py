# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Addresses and routes."""
from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass
from typing import Iterator, Sequence, Tuple, Union

from . import _lib

LOCAL = 0
TCP = 1
UDP = 2


@dataclass(frozen=True)
class Address:
    """One hop of a route: a transport type and some bytes."""

    data: bytes
    type: int = LOCAL

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 255:
            raise ValueError(f"an address has a type from 0 to 255, not {self.type}")
        if len(self.data) > 255:
            raise ValueError(f"an address has at most 255 bytes, not {len(self.data)}")

    def __str__(self) -> str:
        return str(Route(self))


RouteLike = Union[str, Address, "Route", Sequence[Union[str, Address, "Route"]]]


class Route:
    """Addresses, one after another.

    Made of text such as ``"1#10.0.0.2:4000 => echoer"``, of addresses, of other
    routes, or of several of these: ``Route(channel, "echoer")``.
    """

    __slots__ = ("hops",)
    hops: Tuple[Address, ...]

    def __init__(self, *parts: RouteLike) -> None:
        hops: list[Address] = []
        for part in parts:
            hops += _hops(part)
        object.__setattr__(self, "hops", tuple(hops))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a route does not change: make another one")

    def __len__(self) -> int:
        return len(self.hops)

    def __iter__(self) -> Iterator[Address]:
        return iter(self.hops)

    def __getitem__(self, index: int) -> Address:
        return self.hops[index]

    def __add__(self, other: RouteLike) -> Route:
        return Route(self, other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Route) and self.hops == other.hops

    def __hash__(self) -> int:
        return hash(self.hops)

    def __str__(self) -> str:
        if not self.hops:
            return ""
        path = self._path()
        size: int = _lib.path_print(path, None, 0)
        text = ctypes.create_string_buffer(_lib.check(size) + 1)
        _lib.check(_lib.path_print(path, text, len(text)))
        return text.value.decode("ascii")

    def __repr__(self) -> str:
        return f"Route({str(self)!r})"

    def _path(self) -> _lib.Path:
        flat = b"".join(bytes((hop.type, len(hop.data))) + hop.data for hop in self.hops)
        if len(flat) > _lib.ROUTE_MAX or len(self.hops) > 64:
            raise OSError(errno.EMSGSIZE, "a route has at most 64 addresses and 4096 bytes")
        path = _lib.Path(len=len(flat), nhops=len(self.hops))
        ctypes.memmove(path.hops, flat, len(flat))
        return path

    @classmethod
    def _of_path(cls, path: _lib.Path) -> Route:
        flat = bytes(path.hops[:path.len])
        hops = []
        while flat:
            end = 2 + flat[1]
            hops.append(Address(flat[2:end], flat[0]))
            flat = flat[end:]
        return cls(hops)


def _hops(part: RouteLike) -> list[Address]:
    if isinstance(part, Address):
        return [part]
    if isinstance(part, Route):
        return list(part.hops)
    if isinstance(part, str):
        if "\0" in part:
            raise ValueError("a route has no byte 0: write \\x00")
        path = _lib.Path()
        _lib.check(_lib.path_parse(path, part.encode()))
        return list(Route._of_path(path).hops)
    hops = []
    for one in part:
        hops += _hops(one)
    return hops
