"""The ceiling: an aiohttp server that acknowledges and forwards one character, with no logic.

``python -m benchmarks.relay`` prints its address; any path is a room.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from aiohttp import WSMsgType, web

rooms: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)


async def relay(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    room = rooms[request.path]
    room.add(socket)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str("a")
                for other in room:
                    if other is not socket:
                        await other.send_str("x")
    except ConnectionError:
        pass  # somebody left while the load ended
    finally:
        room.discard(socket)
    return socket


async def main() -> None:
    app = web.Application()
    app.router.add_get("/{room:.*}", relay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"Relay is at http://{host}:{port}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
