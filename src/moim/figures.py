"""What a server is and does at this moment, by the names under which it is watched."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from moim.live.figures import Figures
from moim.live.registry import Registry

if TYPE_CHECKING:
    from moim.cluster import Cluster


def figures_of(registry: Registry, done: Figures, cluster: "Cluster | None") -> Mapping[str, float]:
    """Names that end in `_total` only grow; times are in seconds."""
    rooms = registry.all_open()
    placing = cluster.placing if cluster is not None else None
    found: dict[str, float] = {
        "stopping": registry.stopping or (placing is not None and placing.draining),
        "rooms_open": len(rooms),
        "connections": sum(len(room.seats) for room in rooms),
        "participants": sum(len(room.fold.participants) for room in rooms),
        "commits_total": done.commits,
        "commit_seconds_total": done.commit_s,
        "events_total": done.events,
        "conflicts_total": done.conflicts,
        "deliveries_total": done.deliveries,
        "unavailable_total": done.unavailable,
    }
    if cluster is not None and cluster.neighbourhood is not None:
        found["servers"] = 1 + len(cluster.neighbourhood.others)
        found["bus_connected"] = cluster.bus.connected
    if placing is not None:
        found["sfu_rooms"] = placing.held()
        found["sfu_rooms_taken_total"] = placing.taken
    return found
