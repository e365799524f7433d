from tests.app.fixtures import service, world

__all__ = ["service", "world"]
