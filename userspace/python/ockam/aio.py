# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""The same for asyncio."""
from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Callable, Optional, Sequence

from . import channel as _channel
from .channel import SecureChannel
from .route import RouteLike
from .socket import BaseSocket, Message

_LOOK_AGAIN = 0.1


class Socket(BaseSocket):
    """A worker whose calls are awaited. One task at a time may receive from it, and
    one may send; ``asyncio.wait_for`` has timeouts."""

    async def _until(self, add: Callable[..., Any], remove: Callable[..., Any],
                     limit: Optional[float]) -> None:
        ready = asyncio.get_running_loop().create_future()
        fd = self.fileno()

        def is_ready() -> None:
            if not ready.done():
                ready.set_result(None)

        add(fd, is_ready)
        try:
            await asyncio.wait([ready], timeout=limit)
        finally:
            remove(fd)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        await self._until(loop.add_reader, loop.remove_reader, None)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        await self._until(loop.add_writer, loop.remove_writer, _LOOK_AGAIN)

    async def _wait_for(self, wait: Callable[[], Any], call: Callable[..., Any],
                        *arguments: Any) -> Any:
        while True:
            try:
                return call(*arguments)
            except BlockingIOError:
                await wait()

    async def send(self, route: RouteLike, data: bytes,
                   return_route: Optional[RouteLike] = None) -> None:
        await self._wait_for(self._writable, self.try_send, route, data, return_route)

    async def recv(self) -> Message:
        message = await self._wait_for(self._readable, self.try_recv)
        assert isinstance(message, Message)
        return message

    async def reply(self, message: Message, data: bytes) -> None:
        await self._wait_for(self._writable, self.try_reply, message, data)

    async def forward(self, message: Message, data: Optional[bytes] = None) -> None:
        await self._wait_for(self._writable, self.try_forward, message,
                             message.data if data is None else data)

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            yield await self.recv()


async def create_secure_channel(route: RouteLike, *, trust: Sequence[str],
                                **options: Any) -> SecureChannel:
    """As ``ockam.create_secure_channel``, in a thread of its own."""
    return await asyncio.to_thread(_channel.create_secure_channel, route, trust=trust,
                                   **options)


async def create_secure_channel_listener(address: str, *, trust: Sequence[str],
                                         **options: Any) -> None:
    await asyncio.to_thread(_channel.create_secure_channel_listener, address, trust=trust,
                            **options)
