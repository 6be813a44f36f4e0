# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""AF_OCKAM: encrypted, routed messages between programs, over libockam.

``Socket`` is a worker; ``create_secure_channel`` asks ockamd for a channel, whose
address begins routes; ``ockam.aio`` has both for asyncio. What the kernel refuses is
an OSError with the library's words.
"""
from .channel import (
    SecureChannel, create_secure_channel, create_secure_channel_listener,
    delete_secure_channel, delete_secure_channel_listener,
)
from .route import LOCAL, TCP, UDP, Address, Route, RouteLike
from .socket import Accept, Message, Origin, Peer, Sender, SenderFlags, Socket

__all__ = [
    "Accept", "Address", "LOCAL", "Message", "Origin", "Peer", "Route", "RouteLike",
    "SecureChannel", "Sender", "SenderFlags", "Socket", "TCP", "UDP",
    "create_secure_channel", "create_secure_channel_listener", "delete_secure_channel",
    "delete_secure_channel_listener",
]
