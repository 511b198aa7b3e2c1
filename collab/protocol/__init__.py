"""The messages on the wire, the settings and the errors: what every floor above speaks."""
