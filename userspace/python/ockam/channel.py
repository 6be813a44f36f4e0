# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Secure channels and their listeners, which ockamd makes for this user."""
from __future__ import annotations

from ctypes import POINTER, c_char_p, cast
from dataclasses import dataclass
from typing import Optional, Sequence

from . import _lib
from .route import Address, Route, RouteLike


@dataclass(frozen=True)
class SecureChannel:
    """``address`` begins routes through it; ``peer`` is the verified identifier."""

    address: Address
    id: int
    peer: str


def _options(identity: Optional[str], trust: Sequence[str], handshake: Optional[str],
             timeout: Optional[float], daemon_uid: int, shared: bool) -> _lib.ChannelOptions:
    if isinstance(trust, str):
        raise TypeError("trust is a list, of identifiers or of the word anyone")
    words = (c_char_p * (len(trust) + 1))(*(word.encode() for word in trust), None)
    return _lib.ChannelOptions(
        identity=None if identity is None else identity.encode(),
        trust=cast(words, POINTER(c_char_p)),
        handshake=None if handshake is None else handshake.encode(),
        timeout_ms=0 if timeout is None else max(1, int(timeout * 1000)),
        daemon_uid=daemon_uid,
        shared=shared,
    )


def create_secure_channel(
    route: RouteLike, *, trust: Sequence[str], identity: Optional[str] = None,
    handshake: Optional[str] = None, timeout: Optional[float] = None, daemon_uid: int = 0,
    shared: bool = False,
) -> SecureChannel:
    """Make a channel to the listener at the end of ``route``.

    Returns when the peer was verified. ``trust`` names whom to accept: identifiers,
    rules about credentials, or the word ``anyone``.
    """
    made = _lib.SecureChannel()
    options = _options(identity, trust, handshake, timeout, daemon_uid, shared)
    _lib.check(_lib.create(str(Route(route)).encode(), options, made))
    return SecureChannel(Route(made.address.decode("ascii"))[0], made.id,
                         made.peer_text.decode("ascii"))


def delete_secure_channel(channel: SecureChannel, *, daemon_uid: int = 0) -> None:
    """End a channel of one's own; the peer is told."""
    what = _lib.SecureChannel(address=str(channel.address).encode(), id=channel.id,
                              peer_text=channel.peer.encode())
    _lib.check(_lib.delete(what, _options(None, (), None, None, daemon_uid, False)))


def create_secure_channel_listener(
    address: str, *, trust: Sequence[str], identity: Optional[str] = None,
    handshake: Optional[str] = None, daemon_uid: int = 0, shared: bool = False,
) -> None:
    """Accept channels at ``address``, until it is deleted or ockamd ends."""
    options = _options(identity, trust, handshake, None, daemon_uid, shared)
    _lib.check(_lib.create_listener(address.encode(), options))


def delete_secure_channel_listener(address: str, *, daemon_uid: int = 0) -> None:
    """Accept none any more; the channels that it has accepted end."""
    _lib.check(_lib.delete_listener(address.encode(),
                                    _options(None, (), None, None, daemon_uid, False)))
