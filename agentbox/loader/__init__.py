"""From entry points to plugins: which are installed, and what the enabled ones offer.

`load` imports the plugins that the configuration names and no others. Whatever is wrong with
them is said at once, in `PluginError`, one paragraph each: distribution, plugin, hook, remedy.
"""

from agentbox.loader.entry_points import InstalledPlugin, installed
from agentbox.loader.inspection import HOOKS
from agentbox.loader.loading import load
from agentbox.loader.plugins import Commands, PluginDescription, Plugins

__all__ = [
    "HOOKS",
    "Commands",
    "InstalledPlugin",
    "PluginDescription",
    "Plugins",
    "installed",
    "load",
]
