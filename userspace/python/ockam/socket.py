# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Workers: sockets of the family AF_OCKAM."""
from __future__ import annotations

import ctypes
import enum
import errno
import os
import select
import socket as _socket
import time
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator, Optional, Tuple

from . import _lib
from .route import Address, Route, RouteLike

# A destination that has room again need not be told of: sometimes it is looked.
_LOOK_AGAIN = 0.1
_EVERYTHING = 0b11110       # each of OCKAM_RECV_...


class Accept(enum.IntFlag):
    """Who may reach a worker, beside the programs of its node."""

    LOCAL = 1 << 0
    LINKS = 1 << 1
    CHANNELS = 1 << 2
    FORWARDED = 1 << 4


class Origin(enum.IntEnum):
    """Where a message entered this node, by the kernel's word."""

    LOCAL = 1
    LINK = 2
    CHANNEL = 3


class SenderFlags(enum.IntFlag):
    FORWARDED = 1 << 0
    EARLY = 1 << 1
    PASSED_ON = 1 << 2
    LENT = 1 << 3


@dataclass(frozen=True)
class Peer:
    """A channel that a message came through, and who is at its other end."""

    channel: int
    identifier: str


@dataclass(frozen=True)
class Sender:
    """The origin of a message. Of a channel: ``peers``, the innermost first; of
    this node: ``pid``, ``uid`` and ``gid``."""

    origin: Origin
    flags: SenderFlags
    link: int
    pid: int
    uid: int
    gid: int
    peers: Tuple[Peer, ...]

    @property
    def identifier(self) -> Optional[str]:
        """The verified identifier of who sent it, if it came through a channel."""
        return self.peers[0].identifier if self.peers else None


@dataclass(frozen=True)
class Message:
    """What was received: ``data``, the way back, what is left of the way there, and
    the sender, None where the kernel does not say."""

    data: bytes
    return_route: Route
    onward_route: Route
    sender: Optional[Sender]
    _info: _lib.Info = field(repr=False, compare=False)


class BaseSocket:
    """What ``Socket`` and ``aio.Socket`` have in common: all that does not wait.

    ``address`` is the worker's name on this node; without one it has none before it
    sends, and then one of the kernel's making. ``accept`` says who may reach it, and
    ``identifiers`` whose channels, if not all of them.
    """

    def __init__(self, address: Optional[str] = None, *, accept: Accept = Accept.LOCAL,
                 identifiers: Iterable[str] = ()) -> None:
        self._fd = -1
        self._fd = _lib.check(_lib.socket())
        try:
            os.set_blocking(self._fd, False)
            _lib.check(_lib.want(self._fd, _EVERYTHING))
            identifiers = list(identifiers)
            if accept != Accept.LOCAL or identifiers:
                self.accept(accept, identifiers)
            if address is not None:
                self.bind(address)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the name back. It is kept for this user for two minutes."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def fileno(self) -> int:
        """For select, poll and selectors; -1 once it is closed."""
        return self._fd

    def bind(self, address: str = "") -> None:
        """Take a name, or with "" a random one."""
        _lib.check(_lib.bind(self._fd, address.encode()))

    @property
    def address(self) -> Address:
        """The own address. OSError with ENOTCONN before there is one."""
        text = ctypes.create_string_buffer(2048)
        _lib.check(_lib.name(self._fd, text, len(text)))
        return Route(text.value.decode("ascii"))[0]

    def accept(self, scope: Accept, identifiers: Iterable[str] = ()) -> None:
        """Who may reach this worker, beside the programs of this node. With
        ``identifiers``, whom those of channels have to be."""
        ids = b"".join(_identifier(text) for text in identifiers)
        bits = int(scope) | int(Accept.LOCAL)
        if ids:
            bits |= 1 << 3
        _lib.check(_lib.accept(self._fd, bits, ids, len(ids) // _lib.IDENTIFIER_LEN))

    def attach_policy(self, program: int) -> None:
        """Let a BPF program, a descriptor, refuse messages; -1: none any more."""
        _lib.check(_lib.policy_attach(self._fd, program))

    # ---- messages, without waiting: BlockingIOError where it would ----

    def try_send(self, route: RouteLike, data: bytes,
                 return_route: Optional[RouteLike] = None) -> None:
        path = Route(route)._path()
        if return_route is None:
            _lib.check(_lib.send_path(self._fd, path, data, len(data)))
        else:
            back = Route(return_route)._path()
            _lib.check(_lib.send_as(self._fd, path, back, data, len(data)))

    def try_recv(self) -> Message:
        size = _lib.check(_lib.recv(self._fd, None, 0, None,
                                    _socket.MSG_PEEK | _socket.MSG_TRUNC))
        buf = ctypes.create_string_buffer(size or 1)
        info = _lib.Info()
        got = _lib.check(_lib.recv(self._fd, buf, size, info, _socket.MSG_TRUNC))
        if got > size:
            # Somebody else had the one that was looked at.
            raise OSError(errno.EMSGSIZE, "two threads receive from one socket")
        return _message(buf.raw[:got], info)

    def try_reply(self, message: Message, data: bytes) -> None:
        _lib.check(_lib.reply(self._fd, message._info, data, len(data)))

    def try_forward(self, message: Message, data: bytes) -> None:
        _lib.check(_lib.forward(self._fd, message._info, data, len(data)))


class Socket(BaseSocket):
    """A worker whose calls wait, for ``timeout`` seconds or for ever."""

    timeout: Optional[float] = None

    def _wait(self, event: int, end: Optional[float]) -> None:
        limit = None if event == select.POLLIN else _LOOK_AGAIN
        if end is not None:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(errno.ETIMEDOUT, f"nothing in {self.timeout} s")
            limit = left if limit is None else min(limit, left)
        poll = select.poll()
        poll.register(self._fd, event)
        poll.poll(None if limit is None else limit * 1000 + 1)

    def _do(self, event: int, call: Any, *arguments: Any) -> Any:
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            try:
                return call(*arguments)
            except BlockingIOError:
                self._wait(event, end)
            except InterruptedError:
                pass

    def send(self, route: RouteLike, data: bytes,
             return_route: Optional[RouteLike] = None) -> None:
        """Send ``data`` along ``route``. Who writes a return route makes the
        message *forwarded*, which workers by default do not accept."""
        self._do(select.POLLOUT, self.try_send, route, data, return_route)

    def recv(self) -> Message:
        """The next message."""
        message = self._do(select.POLLIN, self.try_recv)
        assert isinstance(message, Message)
        return message

    def reply(self, message: Message, data: bytes) -> None:
        """Answer a message that came to this socket."""
        self._do(select.POLLOUT, self.try_reply, message, data)

    def forward(self, message: Message, data: Optional[bytes] = None) -> None:
        """Pass a message on along the rest of its route, with the own address on the
        way back, and its origin with it."""
        self._do(select.POLLOUT, self.try_forward, message,
                 message.data if data is None else data)

    def __iter__(self) -> Iterator[Message]:
        while True:
            yield self.recv()


def _identifier(text: str) -> bytes:
    buf = ctypes.create_string_buffer(_lib.IDENTIFIER_LEN)
    _lib.check(_lib.identifier_parse(text.encode(), buf))
    return buf.raw


def _message(data: bytes, info: _lib.Info) -> Message:
    sender = None
    if info.has_peer:
        peers = tuple(Peer(c.channel, "I" + bytes(c.identifier).hex())
                      for c in info.channels[:info.peer.nchannels])
        sender = Sender(Origin(info.peer.origin), SenderFlags(info.peer.flags),
                        info.peer.link, info.peer.pid, info.peer.uid, info.peer.gid, peers)
    back = Route._of_path(info.ret) if info.has_ret else Route()
    onward = Route._of_path(info.onward) if info.has_onward else Route()
    return Message(data, back, onward, sender, info)
