"""The one use of the `mlflow` package: whether the client that this installation has understands the server.

Bulk reads do not go through it: it reads its credentials, timeouts and retries from the environment of the process, and its objects
cost many times what typed decoding does.
"""

from __future__ import annotations

import os

from connectors.mlflow.options import MlflowOptions, MlflowSecrets


def client_version() -> str:
    """The version of the installed client. Imports it."""
    _keep_to_itself()
    import mlflow

    return str(mlflow.__version__)


def client_understands(options: MlflowOptions, secrets: MlflowSecrets) -> str | None:
    """None if the client can search the server's experiments, else in its own words why not."""
    _keep_to_itself()
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.rest_store import RestStore
    from mlflow.utils.rest_utils import MlflowHostCreds

    def credentials() -> MlflowHostCreds:
        return MlflowHostCreds(  # type: ignore[no-untyped-call]  # mlflow annotates little
            options.url,
            # requests does not know this variable, and the reader's client does.
            server_cert_path=os.environ.get("SSL_CERT_FILE") or None,
            username=secrets.user,
            password=secrets.password.get_secret_value() if secrets.password else None,
            token=secrets.token.get_secret_value() if secrets.token else None,
        )

    try:
        RestStore(credentials).search_experiments(max_results=1)  # type: ignore[no-untyped-call]  # mlflow annotates little
    except MlflowException as error:
        return _quotable(str(error), secrets)
    return None


def _quotable(text: str, secrets: MlflowSecrets) -> str:
    """The text without what we signed in with: some servers quote it."""
    for secret in (secrets.token, secrets.password):
        if secret is not None:
            text = text.replace(secret.get_secret_value(), "***")
    return text


def _keep_to_itself() -> None:
    """Importing mlflow starts its usage reports, and its client asks again for minutes, in sleeps that nothing ends, unless the
    environment says no by then; who set it keeps their word."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
