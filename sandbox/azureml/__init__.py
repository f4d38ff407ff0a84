"""A stand-in of Azure Machine Learning: the part of Azure Resource Manager that a workspace is read and written through, with the
paging, throttling, refusals and tokens of the real one. The unmodified `azure-ai-ml` reads and writes it over TLS."""

from __future__ import annotations

from sandbox.azureml.site import AzureMLSite

__all__ = ["AzureMLSite"]
