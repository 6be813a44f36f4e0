# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""The calls of libockam, and its structures as ctypes has them."""
from __future__ import annotations

import ctypes
import os
from ctypes import (
    POINTER, Structure, c_bool, c_char, c_char_p, c_int, c_size_t,
    c_ssize_t, c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p,
)
from typing import Any, NoReturn

ROUTE_MAX = 4096
IDENTIFIER_LEN = 32
CHANNELS_MAX = 8
IDENTIFIER_TEXT = 1 + 2 * IDENTIFIER_LEN + 1


class Sockaddr(Structure):
    _fields_ = [
        ("family", c_uint16),
        ("flags", c_uint8),
        ("nhops", c_uint8),
        ("hops", c_uint8 * 124),
    ]


class Path(Structure):
    _fields_ = [
        ("len", c_uint16),
        ("nhops", c_uint8),
        ("hops", c_uint8 * ROUTE_MAX),
    ]


class PeerChannel(Structure):
    _fields_ = [("channel", c_uint32), ("identifier", c_uint8 * IDENTIFIER_LEN)]


class Sender(Structure):
    _fields_ = [
        ("origin", c_uint8),
        ("flags", c_uint8),
        ("nchannels", c_uint8),
        ("link", c_uint32),
        ("pid", c_uint32),
        ("uid", c_uint32),
        ("gid", c_uint32),
    ]


class Info(Structure):
    _fields_ = [
        ("from_", Sockaddr),
        ("flags", c_int),
        ("has_onward", c_bool),
        ("has_ret", c_bool),
        ("has_token", c_bool),
        ("has_peer", c_bool),
        ("token", c_uint64),
        ("peer", Sender),
        ("channels", PeerChannel * CHANNELS_MAX),
        ("onward", Path),
        ("ret", Path),
    ]


class ChannelOptions(Structure):
    _fields_ = [
        ("identity", c_char_p),
        ("trust", POINTER(c_char_p)),
        ("handshake", c_char_p),
        ("timeout_ms", c_uint),
        ("daemon_uid", c_uint32),
        ("shared", c_bool),
        ("reserved", c_uint64 * 8),
    ]


class SecureChannel(Structure):
    _fields_ = [
        ("address", c_char * 80),
        ("id", c_uint32),
        ("peer", c_uint8 * IDENTIFIER_LEN),
        ("peer_text", c_char * IDENTIFIER_TEXT),
    ]


_lib = ctypes.CDLL("libockam.so.0", use_errno=True)


def _call(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = arguments
    return function


error = _call("ockam_error", c_char_p)
path_parse = _call("ockam_path_parse", c_int, POINTER(Path), c_char_p)
path_print = _call("ockam_path_print", c_int, POINTER(Path), c_char_p, c_size_t)
family = _call("ockam_family", c_int)
socket = _call("ockam_socket", c_int)
bind = _call("ockam_bind", c_int, c_int, c_char_p)
name = _call("ockam_name", c_int, c_int, c_char_p, c_size_t)
send_path = _call("ockam_send_path", c_ssize_t, c_int, POINTER(Path), c_char_p, c_size_t)
send_as = _call("ockam_send_as", c_ssize_t, c_int, POINTER(Path), POINTER(Path),
                c_char_p, c_size_t)
want = _call("ockam_want", c_int, c_int, c_uint)
recv = _call("ockam_recv", c_ssize_t, c_int, c_void_p, c_size_t, POINTER(Info), c_int)
reply = _call("ockam_reply", c_ssize_t, c_int, POINTER(Info), c_char_p, c_size_t)
forward = _call("ockam_forward", c_ssize_t, c_int, POINTER(Info), c_char_p, c_size_t)
accept = _call("ockam_accept", c_int, c_int, c_uint, c_char_p, c_size_t)
policy_attach = _call("ockam_policy_attach", c_int, c_int, c_int)
identifier_parse = _call("ockam_identifier_parse", c_int, c_char_p, c_char_p)
create = _call("ockam_secure_channel_create", c_int, c_char_p, POINTER(ChannelOptions),
               POINTER(SecureChannel))
create_listener = _call("ockam_secure_channel_create_listener", c_int, c_char_p,
                        POINTER(ChannelOptions))
delete = _call("ockam_secure_channel_delete", c_int, POINTER(SecureChannel),
               POINTER(ChannelOptions))
delete_listener = _call("ockam_secure_channel_delete_listener", c_int, c_char_p,
                        POINTER(ChannelOptions))


def fail() -> NoReturn:
    """Raise what the last call in this thread failed with, in its words."""
    number = ctypes.get_errno()
    text: bytes = error()
    raise OSError(number, text.decode(errors="replace") or os.strerror(number))


def check(result: int) -> int:
    """The result of a call, unless that is -1."""
    if result < 0:
        fail()
    return result
