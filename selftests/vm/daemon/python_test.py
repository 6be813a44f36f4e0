# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""python3-ockam in the VM: python.sh starts it. Prints TAP."""
import asyncio
import errno
import os
import subprocess
import sys
import threading
import traceback

import ockam
import ockam.aio
from ockam import Accept, Address, Origin, Route, Socket

number = failed = 0


def check(what, test):
    global number, failed
    number += 1
    try:
        good = test()
    except Exception:
        print("# " + traceback.format_exc().replace("\n", "\n# "))
        good = False
    if good is None:
        good = True
    failed += not good
    print(f"{'ok' if good else 'not ok'} {number} - {what}", flush=True)


def raises(kind, number, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        good = number is None or error.errno == number
        if not good:
            print(f"# {error!r}")
        return good
    print("# nothing was raised")
    return False


# ---- routes ----

def routes():
    route = Route("1#10.0.0.2:4000 => relay", ["a", Address(b"\0=>", 7)], Route("z"))
    assert [hop.type for hop in route] == [1, 0, 0, 7, 0]
    assert Route(str(route)) == route and hash(Route(str(route))) == hash(route)
    assert Route("a") + "b" == Route("a => b") and len(Route()) == 0
    assert str(Address(b"echoer")) == "0#echoer"


check("routes as text, of parts, and back", routes)
check("a bad route says so", lambda: raises(OSError, errno.EINVAL, Route, "300#a"))
check("one too long as well", lambda: raises(OSError, errno.EMSGSIZE, lambda: Socket().send(
    [Address(b"x" * 255)] * 17, b"")))
check("a byte 0 is not cut off", lambda: raises(ValueError, None, Route, "a\0b"))

# ---- sockets ----


def one_round():
    with Socket("echoer") as echoer, Socket() as app:
        app.send("echoer", b"Hello Ockam!")
        message = echoer.recv()
        assert message.data == b"Hello Ockam!"
        assert message.return_route == Route(app.address)
        assert message.onward_route == Route()
        sender = message.sender
        assert sender.origin == Origin.LOCAL and sender.uid == os.geteuid()
        assert sender.pid == os.getpid() and sender.identifier is None
        echoer.reply(message, message.data)
        assert app.recv().data == b"Hello Ockam!"


def hops():
    with Socket("far") as far, Socket("near") as near, Socket() as app:
        app.send(["near", "far"], b"x")
        message = near.recv()
        assert message.onward_route == Route("far")
        near.forward(message)
        there = far.recv()
        assert there.return_route == Route("near", app.address)
        far.reply(there, b"y")
        near.forward(near.recv(), b"z")
        assert app.recv().data == b"z"


def long_route():
    names = [f"{n:02}" + "x" * 60 for n in range(20)]
    workers = [Socket(name) for name in names]
    with Socket("end") as end, Socket() as app:
        app.send([*names, "end"], b"far")
        for worker in workers:
            worker.forward(worker.recv())
        message = end.recv()
        assert len(message.return_route) == 21
        end.reply(message, b"back")
        for worker in reversed(workers):
            worker.forward(worker.recv())
        assert app.recv().data == b"back"
    for worker in workers:
        worker.close()


def sizes():
    with Socket("big") as big, Socket() as app:
        for size in (0, 1, 65536, 1 << 20):
            app.send("big", b"\xa5" * size)
            assert big.recv().data == b"\xa5" * size
        return raises(OSError, errno.EMSGSIZE, app.send, "big", b"x" * ((1 << 20) + 1))


def waits():
    with Socket("late") as late, Socket() as app:
        late.timeout = 0.2
        assert raises(TimeoutError, None, late.recv)
        late.timeout = None
        sender = threading.Timer(0.2, app.send, ("late", b"now"))
        sender.start()
        assert late.recv().data == b"now"
        sender.join()
        # A full queue: who sends waits until there is room.
        total = 2000
        got = []
        reader = threading.Thread(target=lambda: [got.append(late.recv().data)
                                                  for _ in range(total)])
        threading.Timer(0.2, reader.start).start()
        for n in range(total):
            app.send("late", b"%d" % n * 200)
        while len(got) < total:
            pass
        reader.join()
        assert got == [b"%d" % n * 200 for n in range(total)]


def names():
    with Socket() as a, Socket("taken") as b:
        assert raises(OSError, errno.ENOTCONN, lambda: a.address)
        assert raises(OSError, errno.EADDRINUSE, a.bind, "taken")
        a.bind()
        assert len(a.address.data) == 32
        fd = b.fileno()
    assert b.fileno() == -1
    return raises(OSError, errno.EBADF, os.fstat, fd)


check("a message and its answer", one_round)
check("onward and return route at a hop", hops)
check("a route longer than any socket address", long_route)
check("payloads of every size", sizes)
check("waiting, with a limit and without", waits)
check("names", names)
check("nobody there", lambda: raises(OSError, errno.EHOSTUNREACH, Socket().send, "none", b""))
check("a scope that is none", lambda: raises(OSError, errno.EINVAL, Socket, accept=Accept(1 << 9)))
check("an identifier that is none", lambda: raises(OSError, errno.EINVAL, Socket,
                                                  identifiers=["Ixyz"]))


def not_forwarded():
    with Socket("deaf"), Socket() as app:
        return raises(OSError, errno.EACCES, app.send, "deaf", b"", "me")


def forwarded():
    with Socket("open", accept=Accept.FORWARDED) as worker, Socket() as app:
        app.send("open", b"x", ["elsewhere", "me"])
        message = worker.recv()
        assert message.return_route == Route("elsewhere => me")
        assert message.sender.flags & ockam.SenderFlags.FORWARDED


check("a return route of one's own is not accepted by default", not_forwarded)
check("unless it is asked for", forwarded)


# ---- channels, by ockamd ----

def channel():
    ockam.create_secure_channel_listener("bob_listener", identity="bob", trust=["anyone"])
    made = ockam.create_secure_channel("bob_listener", identity="alice", trust=["anyone"])
    with Socket("vault", accept=Accept.CHANNELS) as vault, Socket() as app:
        app.send([made.address, "vault"], b"secret")
        message = vault.recv()
        assert message.data == b"secret" and message.sender.origin == Origin.CHANNEL
        alice = message.sender.identifier
        assert alice.startswith("I") and alice != made.peer
        vault.reply(message, b"answer")
        answer = app.recv()
        assert answer.data == b"answer" and answer.sender.identifier == made.peer
    # Another one lets in only Bob himself, and he is not who comes.
    with Socket("mine", identifiers=[made.peer]) as mine, Socket() as app:
        app.send([made.address, "mine"], b"no")
        mine.timeout = 1
        assert raises(TimeoutError, None, mine.recv)
        mine.timeout = None
        mine.accept(Accept.LOCAL, [alice])
        app.send([made.address, "mine"], b"again")
        assert mine.recv().data == b"again"
    again = ockam.create_secure_channel("bob_listener", identity="alice", trust=[made.peer],
                                        timeout=20)
    assert again.peer == made.peer
    assert raises(OSError, None, ockam.create_secure_channel, "bob_listener",
                  identity="alice", trust=["I" + "0" * 64])
    ockam.delete_secure_channel(again)
    assert raises(OSError, None, ockam.delete_secure_channel, again)
    ockam.delete_secure_channel_listener("bob_listener")
    return raises(OSError, None, ockam.create_secure_channel, "bob_listener",
                  identity="alice", trust=["anyone"], timeout=1)


check("a channel, its listener, and who is let in", channel)
check("no trust, no channel", lambda: raises(OSError, errno.EINVAL, ockam.create_secure_channel,
                                             "x", trust=[]))
check("a word is no list", lambda: raises(TypeError, None, ockam.create_secure_channel,
                                          "x", trust="anyone"))

# ---- asyncio ----


async def many():
    with ockam.aio.Socket("server") as server:
        async def serve():
            async for message in server:
                await server.reply(message, message.data.upper())

        task = asyncio.create_task(serve())

        async def client(n):
            with ockam.aio.Socket() as app:
                for i in range(5):
                    await app.send("server", b"client %d.%d" % (n, i))
                    assert (await app.recv()).data == b"CLIENT %d.%d" % (n, i)

        await asyncio.gather(*(client(n) for n in range(50)))
        task.cancel()


async def full():
    """A sender that has to wait does not keep the loop from its reader."""
    with ockam.aio.Socket("slow") as slow, ockam.aio.Socket() as app:
        async def read():
            await asyncio.sleep(0.1)
            return [len((await slow.recv()).data) for _ in range(500)]

        reader = asyncio.create_task(read())
        for _ in range(500):
            await app.send("slow", b"x" * 4000)
        assert await reader == [4000] * 500


async def limits():
    with ockam.aio.Socket() as app:
        app.bind()
        try:
            await asyncio.wait_for(app.recv(), 0.1)
        except asyncio.TimeoutError:
            pass
        else:
            return False
        # What was cancelled has left nothing behind.
        await app.send([app.address], b"self")
        assert (await app.recv()).data == b"self"


async def channels():
    await ockam.aio.create_secure_channel_listener("l", identity="bob", trust=["anyone"])
    made = await ockam.aio.create_secure_channel("l", identity="alice", trust=["anyone"])
    with ockam.aio.Socket("in", accept=Accept.CHANNELS) as there, ockam.aio.Socket() as app:
        await app.send([made.address, "in"], b"x")
        await there.reply(await there.recv(), b"y")
        assert (await app.recv()).data == b"y"


check("asyncio: fifty clients", lambda: asyncio.run(many()))
check("asyncio: a full queue", lambda: asyncio.run(full()))
check("asyncio: a limit", lambda: asyncio.run(limits()))
check("asyncio: channels", lambda: asyncio.run(channels()))



def readme():
    with open(sys.argv[1]) as program:
        text = program.read()
    assert 0 < text.count("\n") <= 12, text
    said = subprocess.run([sys.executable, "-c", text], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    assert said == "App Received: Hello Ockam!\n", said


check("README's program gets its reply", readme)

print(f"1..{number}")
sys.exit(failed > 0)
