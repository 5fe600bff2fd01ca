"""What a client itself knows of the spans that it sends, for the test to compare with what arrives.

Nothing here goes through an exporter: the spans are written down as the SDK shows them when they end.
"""

import json
import struct

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode


class Seen(SpanProcessor):
    """Writes down every span that ends and is exported."""

    def __init__(self):
        self.spans = []

    def on_end(self, span):
        if span.context.trace_flags.sampled:
            self.spans.append(described(span))

    def print(self):
        """Prints all of them as one line: the last of standard output."""
        print("\n" + json.dumps(self.spans), flush=True)


def described(span):
    parent = span.parent
    scope = span.instrumentation_scope
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_span_id": f"{parent.span_id:016x}" if parent else "",
        "flags": flags(parent),
        "trace_state": span.context.trace_state.to_header(),
        "name": span.name,
        "kind": span.kind.name,
        "start": str(span.start_time),
        "end": str(span.end_time),
        "attributes": values(span.attributes),
        "dropped_attributes": span.dropped_attributes,
        "events": [
            {"name": it.name, "time": str(it.timestamp), "attributes": values(it.attributes)}
            for it in span.events
        ],
        "dropped_events": span.dropped_events,
        "links": [
            {
                "trace_id": f"{it.context.trace_id:032x}",
                "span_id": f"{it.context.span_id:016x}",
                # They have one, but no exporter sends it.
                "trace_state": "",
                "flags": flags(it.context),
                "attributes": values(it.attributes),
            }
            for it in span.links
        ],
        "dropped_links": span.dropped_links,
        "status": span.status.status_code.name,
        "status_message": span.status.description or "",
        "resource": values(span.resource.attributes),
        "scope": {
            "name": scope.name,
            "version": scope.version or "",
            "schema_url": scope.schema_url or "",
            "attributes": values(scope.attributes),
        },
    }


def flags(context):
    """OTLP's flags of a span or link: that it is known whether its context is remote, and whether it is."""
    return 0x300 if context and context.is_remote else 0x100


def values(attributes):
    return {key: value(it) for key, it in (attributes or {}).items()}


def value(it):
    """A value with its type: numbers as texts, as JSON has not all of them."""
    if it is None:
        return {"empty": True}
    if isinstance(it, bool):
        return {"bool": it}
    if isinstance(it, int):
        return {"int": str(it)}
    if isinstance(it, float):
        return {"double": struct.pack(">d", it).hex()}
    if isinstance(it, str):
        return {"string": it}
    if isinstance(it, bytes):
        return {"bytes": it.hex()}
    if hasattr(it, "items"):
        return {"map": values(it)}
    return {"array": [value(part) for part in it]}
