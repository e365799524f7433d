"""A bundle as an MLflow model, for people whose tools load models from MLflow; our own servers load bundles.

MLflow runs this file when it loads the model ("models from code"), so nothing is pickled. The question is a table with
a column `user_id`, the answer a table `user_id, item_id, score, rank`; parameters are `k` and `model`, a label (the
first model where empty).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shortlist.bundles.load import Bundle, load
from shortlist.core.errors import BadRequest, nearest_hint
from shortlist.core.lazy import import_extra

_Base: Any = import_extra("mlflow.pyfunc", "track").PythonModel


class BundleModel(_Base):  # type: ignore[misc] # MLflow has no types of its own
    """Answers with one model of a bundle through the standard pipeline."""

    bundle: Bundle

    # MLflow finds this by the names of method and argument.
    def load_context(self, context: Any) -> None:
        """Verify and load the bundle among the model's artifacts."""
        self.bundle = load(Path(context.artifacts["bundle"]))

    # It takes type hints of `predict` as a schema it should enforce, so there are none.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Lists for the users of a table.

        Raises:
            BadRequest: no column `user_id`, or no model of that label.
        """
        params = params or {}
        if "user_id" not in model_input:
            raise BadRequest("The table has no column 'user_id'.", hint="Name it user_id.", field="user_id")
        label = params.get("model") or next(iter(self.bundle.models))
        if label not in self.bundle.models:
            hint = nearest_hint(str(label), self.bundle.models)
            raise BadRequest("The bundle has no model of that label.", hint=hint, field="model")
        users = [str(user) for user in model_input["user_id"]]
        return self.bundle.models[label].recommend(users, k=int(params.get("k", 10))).to_pandas()


def _announce() -> None:
    import_extra("mlflow.models", "track").set_model(BundleModel())


_announce()
