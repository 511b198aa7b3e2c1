"""How each plugin is doing, this one included."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collab.plugins.guard import Health

from .exposition import Exposition, Sample


def describe_plugins(page: Exposition, plugins: Mapping[str, Health]) -> None:
    """Add what the framework counts for every plugin, each under the label ``plugin``."""

    def each(value: Callable[[Health], float]) -> list[Sample]:
        return [("", {"plugin": name}, value(health)) for name, health in plugins.items()]

    page.gauge(
        "collab_plugin_up", "1 when a plugin works, 0 while it is left alone.",
        each(lambda health: health.state == "closed"),
    )
    page.counter(
        "collab_plugin_calls_total", "Calls of its hooks.", each(lambda health: health.calls)
    )
    page.counter(
        "collab_plugin_failures_total", "Calls that failed.", each(lambda health: health.failures)
    )
    page.counter(
        "collab_plugin_browser_failures_total", "Times that pages said its browser half failed.",
        each(lambda health: health.browser_failures),
    )
    page.counter(
        "collab_plugin_skipped_total", "Calls that were not made, because it was left alone.",
        each(lambda health: health.skipped),
    )
    page.gauge(
        "collab_plugin_waiting", "What it still has to be told.",
        each(lambda health: health.waiting),
    )
    page.gauge("collab_plugin_tasks", "Its background tasks.", each(lambda health: health.tasks))
    page.gauge(
        "collab_plugin_hanging", "Calls that were cut off and do not end.",
        each(lambda health: health.hanging),
    )
    page.gauge(
        "collab_plugin_slowest_seconds", "How long its slowest call took.",
        each(lambda health: health.slowest),
    )
