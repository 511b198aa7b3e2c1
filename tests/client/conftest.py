from collab.testing.fixtures import server, server_settings

__all__ = ["server", "server_settings"]
