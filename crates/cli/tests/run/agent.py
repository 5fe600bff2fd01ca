"""An agent with the standard library alone: posts OTLP JSON to where its environment says."""

import http.client
import json
import os
import sys
import time
import urllib.parse

ENDPOINT = urllib.parse.urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
assert os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/json"
_, TRACE, PARENT, _ = os.environ["TRACEPARENT"].split("-")


def attributes(pairs):
    return [{"key": key, "value": {"stringValue": value}} for key, value in pairs]


def resource():
    pairs = os.environ["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    return {"attributes": attributes(pair.split("=", 1) for pair in pairs)}


def span(name, number, trace=TRACE, parent=PARENT, **more):
    now = time.time_ns()
    made = {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(now - 1000000),
        "endTimeUnixNano": str(now),
        "attributes": attributes(more.items()),
    }
    if parent:
        made["parentSpanId"] = parent
    return made


def connect():
    connection = http.client.HTTPConnection(ENDPOINT.netloc, timeout=60)
    connection.connect()
    return connection


def send(spans, resource=None, connection=None):
    group = {"resource": resource or globals()["resource"](), "scopeSpans": [{"spans": spans}]}
    body = json.dumps({"resourceSpans": [group]})
    connection = connection or connect()
    headers = {"content-type": "application/json"}
    connection.request("POST", ENDPOINT.path + "/v1/traces", body, headers)
    response = connection.getresponse()
    response.read()
    assert response.status == 200, response.status


def tree():
    print("working")
    send([span("chat claude", 1, **{"gen_ai.operation.name": "chat"}), span("tool", 2, parent=f"{1:016x}")])
    # An SDK that does not read TRACEPARENT: a trace of its own, the same session.
    send([span("alone", 3, trace="ab" * 16, parent=None)])
    # Something that has a session of its own.
    foreign = {"attributes": attributes([("session.id", "theirs")])}
    send([span("foreign", 4, trace="cd" * 16, parent=None)], resource=foreign)
    sys.exit(3)


def late():
    """Ends while a process that it left behind is connected, and has not sent yet."""
    connected, tell = os.pipe()
    if os.fork():
        os.read(connected, 1)
        os._exit(0)
    connection = connect()
    os.write(tell, b"x")
    time.sleep(0.4)
    send([span("late", 1)], connection=connection)
    connection.close()
    os._exit(0)


def many():
    for part in range(12):
        send([span("step", 1000 * (part + 1) + step) for step in range(1000)])


globals()[sys.argv[1]]()
