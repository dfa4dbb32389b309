# SPDX-License-Identifier: BSD-2-Clause
"""Servers and clients of tests/netns/programs.sh that are no programs of Debian's."""
import asyncio
import socket
import struct
import sys
import threading


async def echo(reader, writer):
    """What comes goes back; the end of it ends the answer."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(host, port):
    server = await asyncio.start_server(echo, host, int(port), backlog=1000)
    print("ready", flush=True)
    await server.serve_forever()


def echo_client(host, port):
    """200 connections at a time, half-closed, each with its own 50 KB."""
    failed = []

    def one(i):
        blob = struct.pack("I", i) * 12500
        with socket.create_connection((host, int(port)), 20) as s:
            s.sendall(blob)
            s.shutdown(socket.SHUT_WR)
            got = b""
            while piece := s.recv(65536):
                got += piece
        if got != blob:
            failed.append(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(200 - len(failed))


def reset_client(host, port, text):
    """Asks, reads a little, and resets the connection."""
    for _ in range(20):
        s = socket.create_connection((host, int(port)), 20)
        s.sendall(text.encode().decode("unicode_escape").encode())
        s.recv(100)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(*sys.argv[2:]))
    else:
        {"echo": echo_client, "reset": reset_client}[sys.argv[1]](*sys.argv[2:])
