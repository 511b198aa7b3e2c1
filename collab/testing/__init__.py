"""What plugins and Collab itself are tested with.

- `collab.testing.fixtures`: the pytest fixtures ``server``, ``server_settings``, ``open_page``
- `collab.testing.browser`: people in front of Chromium
- `serve`, `Server`: a server in the test's own event loop
- `ServerProcess`: a server that can be killed
- `Wire`: a network that can be cut, stalled and delayed
- `RawSession`: the protocol, word by word
- `collab.testing.clock`: an event loop in virtual time
"""

from collab.testing.process import ServerProcess
from collab.testing.raw import RawSession, SocketClosed
from collab.testing.server import Server, serve
from collab.testing.wire import Strand, Wire

__all__ = [
    "RawSession",
    "Server",
    "ServerProcess",
    "SocketClosed",
    "Strand",
    "Wire",
    "serve",
]
