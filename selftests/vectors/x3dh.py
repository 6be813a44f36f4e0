#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""Computes x3dh.json anew from its secrets, by Documentation/x3dh.rst.

Nothing is shared with the program under test: the CBOR is written here, and the
primitives are those of python3-cryptography. Prints TAP.
"""
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey, Ed25519PublicKey)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME = b"OCKAM_X3DH_25519_AESGCM_SHA256_1"
ZERO = bytes(32)
BUNDLE, ONE_TIME = 120, 121


def head(major, n):
    """The shortest form of a CBOR head."""
    for limit, info in ((24, None), (1 << 8, 24), (1 << 16, 25),
                        (1 << 32, 26), (1 << 64, 27)):
        if n < limit:
            break
    if info is None:
        return bytes([major << 5 | n])
    return bytes([major << 5 | info]) + n.to_bytes(1 << (info - 24), "big")


def cbor(v):
    if v is None:
        return b"\xf6"
    if isinstance(v, bool):
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    return head(4, len(v)) + b"".join(cbor(i) for i in v)


def sha(b):
    return hashlib.sha256(b).digest()


def raw(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(
        X25519PublicKey.from_public_bytes(public))


def x_public(secret):
    return raw(X25519PrivateKey.from_private_bytes(secret))


def hkdf(salt, ikm, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


def seal(key, n, aad, plain):
    return AESGCM(key).encrypt(bytes(4) + n.to_bytes(8, "big"), plain, aad)


def versioned(kind, fields):
    return cbor([1, kind, cbor(fields)])


class Identity:
    """Secrets in, IdentityAndCredentials out."""

    def __init__(self, v):
        self.ed = Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(v["seed"]))
        self.secret = bytes.fromhex(v["x25519_secret"])
        self.x = x_public(self.secret)
        change = versioned(1, [None, [0, [raw(self.ed)]], False,
                               v["valid_from"], v["valid_until"]])
        self.id = sha(change)
        attested = versioned(2, [self.id, self.id, [0, [self.x]],
                                 v["attested"], v["attested_until"]])
        self.payload = cbor([[[change, self.sign(change)]],
                             [attested, self.sign(attested)], []])

    def sign(self, data):
        return [0, [self.ed.sign(sha(data))]]


def bundle(owner, spk, times):
    data = versioned(BUNDLE, [owner.id, owner.id, owner.x, times["id"], spk,
                              times["sequence"], times["created"],
                              times["expires"], sha(owner.payload)])
    return sha(data), cbor([data, owner.sign(data), owner.payload])


def one_time(owner, prekey_id, number, key):
    data = versioned(ONE_TIME, [owner.id, prekey_id, number, key])
    return cbor([data, owner.sign(data)])


def run(a, b, spk, spk_id, digest, opk, opk_id, ek, er, plain):
    """One exchange; opk is a secret, or None."""
    spk_pub, ek_pub = x_public(spk), x_public(ek)
    opk_pub = x_public(opk) if opk else None
    dh1 = dh(a.secret, spk_pub)
    rest = dh(ek, b.x) + dh(ek, spk_pub)
    if opk:
        rest += dh(ek, opk_pub)
    # What the responder has must be the same.
    mine = dh(b.secret, ek_pub) + dh(spk, ek_pub)
    if opk:
        mine += dh(opk, ek_pub)
    assert rest == mine and dh1 == dh(spk, a.x)

    ff = b"\xff" * 32
    t0 = sha(cbor([NAME, 1, b.id, b.x, ek_pub, spk_id, spk_pub,
                   opk_id if opk else None, opk_pub, digest]))
    t1 = sha(cbor([NAME, t0, a.id, a.x, sha(a.payload)]))
    ident = hkdf(ZERO, ff + rest, NAME + b"identity" + t0, 32)
    header = NAME + cbor([ek_pub, spk_id, opk_id if opk else None,
                          seal(ident, 0, t0, a.payload)])
    sk = hkdf(ZERO, ff + dh1 + rest, NAME, 32)
    okm = hkdf(ZERO, sk, NAME + b"early" + t1, 64)
    early, ck = okm[:32], okm[32:]
    first = header + bytes(8) + seal(early, 0, None, plain)

    er_pub = x_public(er)
    t2 = sha(cbor([NAME, t1, er_pub]))
    okm = hkdf(ck, dh(er, ek_pub) + dh(er, a.x), NAME + b"final" + t2, 96)
    assert dh(er, ek_pub) == dh(ek, er_pub)
    answer = er_pub + seal(okm[64:], 0, t2, b"")
    return {
        "header": header, "first_message": first, "early": early,
        "answer": answer, "initiator_to_responder": okm[:32],
        "responder_to_initiator": okm[32:64], "transcript": t2,
    }


tests = failed = 0


def ok(good, what):
    global tests, failed
    tests += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {tests} {what}")


def main():
    here = os.environ.get("VECTORS_DIR", os.path.dirname(
        os.path.abspath(__file__)))
    with open(os.path.join(here, "x3dh.json"), encoding="ascii") as f:
        v = json.load(f)
    ok(v["name"].encode() == NAME and v["suite"] == 1, "name and suite")
    a, b = Identity(v["initiator"]), Identity(v["responder"])
    ok(a.payload.hex() == v["initiator"]["payload"], "initiator's identity")
    ok(b.payload.hex() == v["responder"]["payload"], "responder's identity")
    spk = bytes.fromhex(v["signed_prekey"]["secret"])
    digest, text = bundle(b, x_public(spk), v["signed_prekey"])
    ok(text.hex() == v["bundle"], "bundle")
    spk_id = v["signed_prekey"]["id"]
    forms = set()
    for c in v["cases"]:
        four = c["one_time"] is not None
        forms.add(four)
        form = "four DH" if four else "three DH"
        opk = None
        opk_id = v["one_time_prekey"]["id"]
        if four:
            opk = bytes.fromhex(v["one_time_prekey"]["secret"])
            text = one_time(b, spk_id, opk_id, x_public(opk))
            ok(text.hex() == c["one_time"], f"{form}: one-time prekey")
            data = text[3:3 + text[2]]
            Ed25519PublicKey.from_public_bytes(raw(b.ed)).verify(
                text[-64:], sha(data))
        got = run(a, b, spk, spk_id, digest, opk, opk_id,
                  bytes.fromhex(c["ek_secret"]), bytes.fromhex(c["er_secret"]),
                  bytes.fromhex(c["plaintext"]))
        for name, value in got.items():
            ok(value.hex() == c[name], f"{form}: {name}")
    ok(forms == {False, True}, "both forms")
    print(f"1..{tests}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
