"""Rules about whole slates as plain functions over arrays: diversity, caps, boosts, dispersion."""
