"""The built-in checks; each is found by its name in the plugin group `checks`."""
