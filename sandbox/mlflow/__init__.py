"""A real MLflow tracking server on loopback, and models that are really trained and logged there."""
