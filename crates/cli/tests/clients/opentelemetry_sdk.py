"""opentelemetry-python: sends spans with all that spans can have, over the protocol that is named."""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from seen import Seen

SESSIONS = 3
TURNS = 40

ATTRIBUTES = {
    "text": "gr\u00fc\u00dfe \U0001f980 \u65e5\u672c\n\t\"\u0001",
    "no text": "",
    "yes": True,
    "no": False,
    "zero": 0,
    "least": -(2**63),
    "most": 2**63 - 1,
    "half": 0.5,
    "minus zero": -0.0,
    "tiny": 5e-324,
    "infinite": float("-inf"),
    "nan": float("nan"),
    "bytes": bytes([0, 255, 128]),
    "texts": ["a", "\U0001f980", ""],
    "numbers": [1, -(2**53) - 1, 2**63 - 1],
    "doubles": [1.5, float("inf")],
    "switches": [True, False],
    "none of it": [],
    "map": {"inner": {"n": -1}, "list": [1, "a", None]},
    "\u00e9 key": "x" * 5000,
}


def exporter(protocol):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    elif protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter()


def remote(number):
    state = TraceState([("vendor", f"v{number}"), ("other", "x")])
    return SpanContext(0xABC0 + number, 0xDEF0 + number, True, TraceFlags(1), state)


def work(tracer, session):
    # A session that somebody elsewhere began, and sessions of this process.
    parent = trace.set_span_in_context(trace.NonRecordingSpan(remote(session))) if session else None
    named = {"session.id": f"conv {session} \U0001f980"}
    with tracer.start_as_current_span("session", context=parent, kind=SpanKind.SERVER, attributes=named):
        for turn in range(TURNS):
            with tracer.start_as_current_span(f"turn {turn}", attributes=named):
                talk(tracer, named, turn)
                act(tracer, named, turn)


def talk(tracer, named, turn):
    usage = {"gen_ai.usage.input_tokens": 100 + turn, "gen_ai.usage.output_tokens": 10}
    model = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    attributes = {**named, **usage, **model}
    with tracer.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=attributes) as span:
        span.set_status(Status(StatusCode.OK))


def act(tracer, named, turn):
    links = [Link(remote(turn), {"why": "follows", "n": turn}), Link(remote(turn + 1))]
    kind = [SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER][turn % 3]
    with tracer.start_as_current_span(
        "execute_tool \u691c\u7d22", kind=kind, links=links, attributes=named, record_exception=False
    ) as span:
        span.set_attributes(ATTRIBUTES)
        for number in range(turn % 5):
            span.add_event("step \u00fc", {"number": number, "parts": ["a", "b"]}, 1_700_000_000_000_000_000 + number)
        if turn % 4 == 0:
            span.record_exception(ValueError("no answer \U0001f4a5"))
            span.set_status(Status(StatusCode.ERROR, "no answer \U0001f4a5"))


def main():
    seen = Seen()
    # The SDK's own detectors read the environment, as in programs.
    provider = TracerProvider(resource=Resource.create({"cores": 8, "zones": ["a", "b"]}))
    provider.add_span_processor(seen)
    provider.add_span_processor(BatchSpanProcessor(exporter(sys.argv[1])))
    tracer = provider.get_tracer("planner", "1.2.3", "https://example.com/schema", {"tenant": "blue"})
    for session in range(SESSIONS):
        work(tracer, session)
    # A span of another library, and one that nobody wants.
    provider.get_tracer("other").start_span("alone").end()
    provider.shutdown()
    seen.print()


main()
