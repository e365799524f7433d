"""What is served: readiness and surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shortlist.core.errors import NoBundle

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.pipeline.costs import ScorerCost


def ready(service: Service) -> dict[str, Any]:
    """Counts of a verified, warmed bundle.

    Raises:
        NoBundle: none is loaded, or it is still warming up.
    """
    state = service.state
    if not service.is_ready:
        raise NoBundle("The bundle is still warming up.", hint="Ask again in a second.")
    return {
        "status": "ready",
        "bundle": state.bundle,
        "items": len(state.items),
        "users": len(state.users),
        "surfaces": list(state.runners),
        "ranker": state.ranker,
    }


def costs(service: Service) -> tuple[ScorerCost, ...]:
    """What scoring took on this machine when the bundle was loaded; nothing before there is one."""
    return service.state.costs if service.serves else ()


def surfaces(service: Service) -> dict[str, Any]:
    """`{surfaces: [{name, pipeline, hash, k, stages, costs}]}` in the order of their names.

    `costs` says what each scorer with a model took for one request's candidates when the bundle was loaded here.

    Raises:
        NoBundle: nothing is served yet.
    """
    state = service.state
    return {
        "surfaces": [
            {
                "name": surface,
                "pipeline": runner.spec.name,
                "hash": runner.spec.hash,
                "k": runner.spec.k,
                "stages": [
                    {"kind": "filter" if section == "early" else section, "name": stage.name}
                    for section, stages in runner.stages.items()
                    for stage in stages
                ],
                "costs": [cost.to_dict() for cost in state.costs if cost.surface == surface],
            }
            for surface, runner in state.runners.items()
        ]
    }
