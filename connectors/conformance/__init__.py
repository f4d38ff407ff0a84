"""The public conformance suite: one class that a connector's author subclasses, and every connector passes.

It needs pytest, which Milepost does not install at run time; nothing but tests may import it. docs/write-a-connector.md shows how.
"""

from __future__ import annotations

from connectors.conformance.proxy import Answer, Asked
from connectors.conformance.publisher import PublisherConformance
from connectors.conformance.reader import ReaderConformance
from connectors.conformance.serving import serving
from connectors.conformance.source import NotProvided, Source

__all__ = ["Answer", "Asked", "NotProvided", "PublisherConformance", "ReaderConformance", "Source", "serving"]
