"""The sample firm: clients, campaigns, agents, two webhooks to test inboxes, and events that are really delivered.

    load(now)      make what is not there yet, tell the last month, and play live events for ten minutes
    tick(now)      called by the workers' clock: the next live event, when it is time for one
    remove(now)    take all of it away

What belongs to it is told by the inboxes' tokens, the events' and agents' ids, the campaigns' names, and the system that its
clients come from.
"""

from kayse_dash.demo.firm import Loaded, load
from kayse_dash.demo.live import is_live, tick
from kayse_dash.demo.members import is_loaded
from kayse_dash.demo.removal import Removed, remove

__all__ = ["Loaded", "Removed", "is_live", "is_loaded", "load", "remove", "tick"]
