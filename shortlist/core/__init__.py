"""Types, contracts, errors, registry, order, settings. Imports nothing of ours; third party: numpy and pydantic."""
